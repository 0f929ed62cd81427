"""Accounts in the admin."""

from apps.accounts.admin import coming, exchange_keys, people, referrals, sign_in, subscriptions, tokens

__all__ = ["coming", "exchange_keys", "people", "referrals", "sign_in", "subscriptions", "tokens"]
