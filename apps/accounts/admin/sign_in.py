"""Signing in, in the admin: its door, where people are signed in, and who has a second factor."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from apps.accounts.forms import SignInForm
from apps.accounts.models import AccountSession, Recovery, RecoveryCode, TwoFactor
from apps.accounts.services.sessions import session_end
from apps.accounts.services.two_factor import two_factor_end
from apps.core.admin.base import ReadOnlyAdmin
from apps.core.clock import wall_now

admin.site.login_form = SignInForm
admin.site.login_template = "admin/accounts/login.html"


@admin.register(AccountSession)
class AccountSessionAdmin(ReadOnlyAdmin):
    """Where people are signed in; operators can end it."""

    list_display = ("user", "kind", "agent", "address", "second_factor", "last_activity_at", "expires_at", "ended_at")
    list_filter = ("kind", "second_factor", ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "address", "agent")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    exclude = ("digest", "standing")
    actions = ("end_sessions",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may look after accounts."""
        return bool(request.user.has_perm("accounts.change_user"))

    @admin.action(description="End the selected sessions", permissions=["end"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[AccountSession]) -> None:
        """Sign their people out there."""
        now, ended = wall_now(), 0
        for row in queryset:
            if session_end(
                session_id=row.pk, user_id=row.user_id, now=now, because="by_operator", actor_id=request.user.pk
            ):
                ended += 1
        self.message_user(request, ngettext("%d session ended.", "%d sessions ended.", ended) % ended)


@admin.register(TwoFactor)
class TwoFactorAdmin(ReadOnlyAdmin):
    """Who has a second factor; who has lost it is helped here, after the operator made sure who asks."""

    list_display = ("user", "created_at", "confirmed_at")
    list_filter = (("confirmed_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    fields = ("user", "created_at", "confirmed_at")
    actions = ("switch_off",)

    def has_off_permission(self, request: HttpRequest) -> bool:
        """Only who may do everything: with it, a password alone opens the account."""
        return bool(request.user.is_superuser)

    @admin.action(description="Switch the second factor off", permissions=["off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[TwoFactor]) -> None:
        """For the selected people."""
        ended = sum(two_factor_end(user_id=row.user_id, actor_id=request.user.pk) for row in queryset)
        self.message_user(request, f"{ended} switched off.")


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(ReadOnlyAdmin):
    """Which codes on paper were used."""

    list_display = ("user", "used_at")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    fields = ("user", "used_at")


@admin.register(Recovery)
class RecoveryAdmin(ReadOnlyAdmin):
    """Who asked to set a new password."""

    list_display = ("user", "created_at", "expires_at", "used_at")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    fields = ("user", "created_at", "expires_at", "used_at")
