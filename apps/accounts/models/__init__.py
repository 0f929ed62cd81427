"""People, how they came, what they may, and the tokens they call the API with."""

from apps.accounts.models.affiliates import Affiliate
from apps.accounts.models.exchange_keys import ExchangeKey
from apps.accounts.models.invitations import Invitation, InvitationUse
from apps.accounts.models.letters import Letter
from apps.accounts.models.people import User
from apps.accounts.models.referrals import BonusEntry, Referral, ReferralCode
from apps.accounts.models.registrations import Registration
from apps.accounts.models.sessions import AccountSession, SessionKind
from apps.accounts.models.subscriptions import PaymentEvent, Subscription, SubscriptionChange
from apps.accounts.models.tokens import ApiToken
from apps.accounts.models.two_factor import Recovery, RecoveryCode, TwoFactor

__all__ = [
    "AccountSession",
    "Affiliate",
    "ApiToken",
    "BonusEntry",
    "ExchangeKey",
    "Invitation",
    "InvitationUse",
    "Letter",
    "PaymentEvent",
    "Recovery",
    "RecoveryCode",
    "Referral",
    "ReferralCode",
    "Registration",
    "SessionKind",
    "Subscription",
    "SubscriptionChange",
    "TwoFactor",
    "User",
]
