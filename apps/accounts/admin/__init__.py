"""Accounts in the admin."""

from apps.accounts.admin import people, sign_in, tokens

__all__ = ["people", "sign_in", "tokens"]
