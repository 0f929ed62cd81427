"""API tokens in the admin. No token text is ever on a page twice."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from apps.accounts.admin.standing import may_stand_for
from apps.accounts.models import ApiToken
from apps.accounts.scopes import Scope
from apps.accounts.services import token_issue, token_revoke
from apps.core.admin.base import AuditedAdmin


class ApiTokenForm(forms.ModelForm):
    """A new token: whose, what it is called, what it may."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scopes", "expires_at")


@admin.register(ApiToken)
class ApiTokenAdmin(AuditedAdmin):
    """Tokens can be made and revoked; nothing about one can be edited and its text is shown once, when it is made."""

    form = ApiTokenForm
    list_display = ("name", "user", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at", "user__tier")
    search_fields = ("name", "prefix", "user__email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    actions = ("revoke_tokens",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        """Three fields make a token; the digest is on no page."""
        if obj is None:
            return ("user", "name", "scopes", "expires_at")
        return ("user", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Revoke and make another instead."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may add tokens may end them."""
        return bool(self.has_add_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Revoked tokens stay, so that their use can be traced."""
        return False

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """End the tokens that still work."""
        revoked = 0
        for token in queryset:
            if token_revoke(token_id=token.pk):
                revoked += 1
                self.audit(request, "token_revoked", token, {})
        self.message_user(request, ngettext("%d token revoked.", "%d tokens revoked.", revoked) % revoked)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: forms.Form, change: bool) -> None:
        """Make the token; its text travels only inside this request. Not in an operator's name: see `may_stand_for`."""
        if not may_stand_for(request, obj.user):
            raise PermissionDenied("Only who gives roles may make an operator's token.")
        request.token_text = token_issue(obj)  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Show the text in the answer itself: a redirect would have to store it in a cookie or a session."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Copy the token now",
            "opts": self.opts,
            "token": obj,
            "text": request.token_text,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/accounts/apitoken/created.html", context)
        response["Cache-Control"] = "no-store"
        return response
