"""Writes: accounts, how people come to have one, what it opens, and tokens."""

from apps.accounts.services.affiliates import affiliate_apply, affiliate_decide
from apps.accounts.services.invitations import invitation_create, invitation_issue, invitation_revoke
from apps.accounts.services.letters import letter_write, letters_posted, letters_prune
from apps.accounts.services.payments import payment_apply, payments_prune, signature_check
from apps.accounts.services.people import user_create, users_hold
from apps.accounts.services.referrals import bonus_add, referral_code_find, referral_code_set, referral_record
from apps.accounts.services.registrations import (
    registration_confirm,
    registration_resend,
    registration_start,
    registrations_prune,
)
from apps.accounts.services.subscriptions import (
    base_tier_set,
    subscription_cancel,
    subscription_close,
    subscription_extend,
    subscription_start,
    subscriptions_sweep,
)
from apps.accounts.services.tokens import (
    token_create,
    token_digest,
    token_issue,
    token_revoke,
    token_verify,
    tokens_touch,
)

__all__ = [
    "affiliate_apply",
    "affiliate_decide",
    "base_tier_set",
    "bonus_add",
    "invitation_create",
    "invitation_issue",
    "invitation_revoke",
    "letter_write",
    "letters_posted",
    "letters_prune",
    "payment_apply",
    "payments_prune",
    "referral_code_find",
    "referral_code_set",
    "referral_record",
    "registration_confirm",
    "registration_resend",
    "registration_start",
    "registrations_prune",
    "signature_check",
    "subscription_cancel",
    "subscription_close",
    "subscription_extend",
    "subscription_start",
    "subscriptions_sweep",
    "token_create",
    "token_digest",
    "token_issue",
    "token_revoke",
    "token_verify",
    "tokens_touch",
    "user_create",
    "users_hold",
]
