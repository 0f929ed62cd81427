"""Reads: who there is, how they came and what they may see."""

from apps.accounts.selectors.coming import (
    ReferralSummary,
    affiliate_of,
    bonuses_of,
    invitation_uses,
    invitations_known,
    referral_summary,
)
from apps.accounts.selectors.grants import (
    allowed,
    group_commands,
    level_of,
    permission_require,
    permissions_of,
    policy_of,
    tier_policy,
    user_policy,
    users_allowed,
)
from apps.accounts.selectors.letters import letters_owed
from apps.accounts.selectors.people import user_by_email, users_active, users_standing
from apps.accounts.selectors.subscriptions import subscription_changes, subscriptions_counting
from apps.accounts.selectors.tokens import TokenStanding, token_by_digest, tokens_of, tokens_standing

__all__ = [
    "ReferralSummary",
    "TokenStanding",
    "affiliate_of",
    "allowed",
    "bonuses_of",
    "group_commands",
    "invitation_uses",
    "invitations_known",
    "letters_owed",
    "level_of",
    "permission_require",
    "permissions_of",
    "policy_of",
    "referral_summary",
    "subscription_changes",
    "subscriptions_counting",
    "tier_policy",
    "token_by_digest",
    "tokens_of",
    "tokens_standing",
    "user_by_email",
    "user_policy",
    "users_active",
    "users_allowed",
    "users_standing",
]
