"""Reads: who there is and what they may see."""

from apps.accounts.selectors.grants import policy_of, tier_policy, user_policy
from apps.accounts.selectors.people import user_by_email, users_active, users_standing
from apps.accounts.selectors.tokens import token_by_digest, tokens_of

__all__ = [
    "policy_of",
    "tier_policy",
    "token_by_digest",
    "tokens_of",
    "user_by_email",
    "user_policy",
    "users_active",
    "users_standing",
]
