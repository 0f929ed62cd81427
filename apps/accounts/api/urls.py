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
from apps.accounts.api.people import (
    UserDetail,
    UserList,
    UserReactivate,
    UserRole,
    UserSession,
    UserSessions,
    UserSuspend,
    UserTier,
)
from apps.accounts.api.system import SystemConfig

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
    path("admin/config/system", SystemConfig.as_view(), name="admin-config"),
    path("admin/users", UserList.as_view(), name="admin-users"),
    path("admin/users/<uuid:id>", UserDetail.as_view(), name="admin-user"),
    path("admin/users/<uuid:id>/reactivate", UserReactivate.as_view(), name="admin-user-reactivate"),
    path("admin/users/<uuid:id>/role", UserRole.as_view(), name="admin-user-role"),
    path("admin/users/<uuid:id>/sessions", UserSessions.as_view(), name="admin-user-sessions"),
    path("admin/users/<uuid:id>/sessions/<uuid:session_id>", UserSession.as_view(), name="admin-user-session"),
    path("admin/users/<uuid:id>/suspend", UserSuspend.as_view(), name="admin-user-suspend"),
    path("admin/users/<uuid:id>/tier", UserTier.as_view(), name="admin-user-tier"),
    path("payments/webhook", PaymentWebhook.as_view(), name="payment-webhook"),
]
