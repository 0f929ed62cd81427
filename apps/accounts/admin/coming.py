"""Invitations and registrations in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from apps.accounts.models import Invitation, InvitationUse, Letter, Registration
from apps.accounts.services import invitation_issue, invitation_revoke
from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline


class InvitationUseInline(ReadOnlyInline):
    """Who came by it."""

    model = InvitationUse
    fields = ("email", "user", "kept_at", "used_at")
    readonly_fields = fields


@admin.register(Invitation)
class InvitationAdmin(AuditedAdmin):
    """Invitations can be issued and revoked; nothing about one can be edited and its code is shown once."""

    list_display = ("prefix", "purpose", "note", "tier", "used", "max_uses", "created_at", "expires_at", "revoked_at")
    list_filter = ("purpose", ("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    search_fields = ("prefix", "note", "uses__email")
    date_hierarchy = "created_at"
    actions = ("revoke_invitations",)

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        """The digest is on no page."""
        asked = ("purpose", "note", "tier", "days", "max_uses", "expires_at")
        return asked if obj is None else ("prefix", *asked, "used", "created_at", "created_by", "revoked_at")

    def get_inlines(self, request: HttpRequest, obj: Invitation | None) -> tuple[type[ReadOnlyInline], ...]:
        """Nobody has come by a new one."""
        return (InvitationUseInline,) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Revoke and issue another instead."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Who came by which stays on record."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may issue may revoke."""
        return bool(self.has_add_permission(request))

    @admin.action(description="Revoke the selected invitations", permissions=["revoke"])
    def revoke_invitations(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Nobody comes in by them any more."""
        now = clock.wall_now()
        done = sum(invitation_revoke(invitation_id=row.pk, actor_id=request.user.pk, now=now) for row in queryset)
        self.message_user(request, ngettext("%d invitation revoked.", "%d invitations revoked.", done) % done)

    def save_model(self, request: HttpRequest, obj: Invitation, form: forms.Form, change: bool) -> None:
        """Issue it; its code travels only inside this request."""
        obj.created_by_id = request.user.pk
        request.invitation_code = invitation_issue(obj, now=clock.wall_now())  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None) -> HttpResponse:
        """Show the code in the answer itself: a redirect would have to store it in a cookie or a session."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Copy the code now",
            "opts": self.opts,
            "invitation": obj,
            "code": request.invitation_code,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/accounts/invitation/created.html", context)
        response["Cache-Control"] = "no-store"
        return response


@admin.register(InvitationUse)
class InvitationUseAdmin(ReadOnlyAdmin):
    """Who came by which invitation."""

    list_display = ("email", "invitation", "user", "kept_at", "used_at")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    search_fields = ("email", "invitation__prefix")
    date_hierarchy = "kept_at"
    list_select_related = ("invitation", "user")


@admin.register(Registration)
class RegistrationAdmin(ReadOnlyAdmin):
    """Who is on the way to an account; neither what they will sign in with nor their code is on a page."""

    list_display = ("email", "user", "created_at", "code_expires_at", "tries", "confirmed_at")
    list_filter = (("confirmed_at", admin.EmptyFieldListFilter),)
    search_fields = ("email",)
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    fields = (
        "id", "email", "name", "timezone", "locale", "user", "invitation_use", "referral_code", "tries", "created_at",
        "code_expires_at", "confirmed_at",
    )  # fmt: skip


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """What people are owed by this room; the text is theirs alone."""

    list_display = ("title", "user", "to_address", "created_at", "posted_at")
    list_filter = ("to_address", ("posted_at", admin.EmptyFieldListFilter))
    search_fields = ("title", "user__email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    fields = ("id", "user", "title", "to_address", "created_at", "expires_at", "posted_at")
