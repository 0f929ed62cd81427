"""Moving accounts from one standing to another, in the admin's list of people."""

from typing import Any, Protocol

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from apps.accounts.exceptions import StatusRefused
from apps.accounts.models import User
from apps.accounts.services.status import user_deactivate, user_reactivate, user_suspend
from apps.core.clock import wall_now

REASON = "in the admin"


class _Move(Protocol):
    def __call__(self, *, user_id: Any, actor_id: Any, reason: str, now: Any) -> bool: ...


class StatusActions(admin.ModelAdmin):
    """Actions for a list of people; each person is asked about by `has_change_permission`."""

    actions = ("suspend", "reactivate", "deactivate")

    @admin.action(description="Suspend: out until let in again", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their sessions end, their tokens wait."""
        self._move(request, queryset, user_suspend, "suspended")

    @admin.action(description="Let in again", permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Whatever kept them out."""
        self._move(request, queryset, user_reactivate, "let in")

    @admin.action(description="Deactivate: revoke all tokens too", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The account is closed; what it has done stays."""
        self._move(request, queryset, user_deactivate, "deactivated")

    def _move(self, request: HttpRequest, queryset: QuerySet[User], move: _Move, words: str) -> None:
        moved = 0
        for user in queryset:
            if not self.has_change_permission(request, user):
                self.message_user(request, f"{user.email}: not yours to change.", messages.ERROR)
                continue
            try:
                moved += move(user_id=user.pk, actor_id=request.user.pk, reason=REASON, now=wall_now())
            except StatusRefused as error:
                self.message_user(request, f"{user.email}: {error.message}", messages.ERROR)
        self.message_user(request, capfirst(f"{words}: {moved}."))
