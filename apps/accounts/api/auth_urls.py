"""Addresses of signing in, credentials and the audit trail under /api/v1/."""

from django.urls import path

from apps.accounts.api.audit import AuditList
from apps.accounts.api.auth import (
    Login,
    Logout,
    Password,
    Recovery,
    RecoveryCodes,
    RecoveryFinish,
    TwoFactorConfirm,
    TwoFactorDisable,
    TwoFactorView,
)
from apps.accounts.api.credentials import SessionDetail, SessionList, TokenDetail, TokenList
from apps.accounts.api.profile import OwnProfile

urlpatterns = [
    path("admin/audit", AuditList.as_view(), name="admin-audit"),
    path("auth/2fa", TwoFactorView.as_view(), name="auth-2fa"),
    path("auth/2fa/confirm", TwoFactorConfirm.as_view(), name="auth-2fa-confirm"),
    path("auth/2fa/disable", TwoFactorDisable.as_view(), name="auth-2fa-disable"),
    path("auth/2fa/recovery-codes", RecoveryCodes.as_view(), name="auth-2fa-recovery-codes"),
    path("auth/login", Login.as_view(), name="auth-login"),
    path("auth/logout", Logout.as_view(), name="auth-logout"),
    path("auth/password", Password.as_view(), name="auth-password"),
    path("auth/recovery", Recovery.as_view(), name="auth-recovery"),
    path("auth/recovery/confirm", RecoveryFinish.as_view(), name="auth-recovery-confirm"),
    path("auth/tokens", TokenList.as_view(), name="auth-tokens"),
    path("auth/tokens/<int:token_id>", TokenDetail.as_view(), name="auth-token"),
    path("users/profile", OwnProfile.as_view(), name="user-profile"),
    path("users/sessions", SessionList.as_view(), name="user-sessions"),
    path("users/sessions/<uuid:id>", SessionDetail.as_view(), name="user-session"),
]
