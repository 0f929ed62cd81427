"""Writes: accounts and tokens."""

from apps.accounts.services.people import user_create, users_hold
from apps.accounts.services.tokens import token_create, token_digest, token_issue, token_revoke, token_verify

__all__ = ["token_create", "token_digest", "token_issue", "token_revoke", "token_verify", "user_create", "users_hold"]
