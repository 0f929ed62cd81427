"""Accounts in the admin."""

from apps.accounts.admin import coming, people, referrals, sign_in, subscriptions, tokens

__all__ = ["coming", "people", "referrals", "sign_in", "subscriptions", "tokens"]
