"""Addresses of accounts under /api/v1/."""

from django.urls import path

from apps.accounts.api.coming import Register, RegisterConfirm, RegisterResend
from apps.accounts.api.exchange_keys import ExchangeKeyCheck, ExchangeKeyDetail, ExchangeKeyList
from apps.accounts.api.invitations import InvitationDetail, InvitationList, InvitationUses
from apps.accounts.api.own import (
    BonusList,
    OwnAffiliate,
    OwnReferral,
    OwnSubscription,
    ReferralClaim,
    SubscriptionHistory,
)
from apps.accounts.api.payments import PaymentWebhook

urlpatterns = [
    path("auth/register", Register.as_view(), name="register"),
    path("auth/register/confirm", RegisterConfirm.as_view(), name="register-confirm"),
    path("auth/register/resend", RegisterResend.as_view(), name="register-resend"),
    path("users/exchange-keys", ExchangeKeyList.as_view(), name="user-exchange-keys"),
    path("users/exchange-keys/<uuid:id>", ExchangeKeyDetail.as_view(), name="user-exchange-key"),
    path("users/exchange-keys/<uuid:id>/check", ExchangeKeyCheck.as_view(), name="user-exchange-key-check"),
    path("users/referral", OwnReferral.as_view(), name="user-referral"),
    path("users/referral/claim", ReferralClaim.as_view(), name="user-referral-claim"),
    path("users/referral/bonuses", BonusList.as_view(), name="user-referral-bonuses"),
    path("users/affiliate", OwnAffiliate.as_view(), name="user-affiliate"),
    path("users/subscription", OwnSubscription.as_view(), name="user-subscription"),
    path("users/subscription/history", SubscriptionHistory.as_view(), name="user-subscription-history"),
    path("admin/invitations", InvitationList.as_view(), name="admin-invitations"),
    path("admin/invitations/<uuid:id>", InvitationDetail.as_view(), name="admin-invitation"),
    path("admin/invitations/<uuid:id>/uses", InvitationUses.as_view(), name="admin-invitation-uses"),
    path("payments/webhook", PaymentWebhook.as_view(), name="payment-webhook"),
]
