"""People and their API tokens in the admin. No password hash and no token text is ever on a page twice."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import ngettext
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.accounts.models import ApiToken, User
from apps.accounts.services import token_issue, token_revoke
from apps.core.admin.base import AuditedAdmin, ReadOnlyInline, display

admin.site.unregister(Group)


class UserAddForm(UserCreationForm):  # type: ignore[misc]
    """A new account: address and a password typed twice."""

    class Meta:
        model = User
        fields = ("email",)
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {"email": forms.EmailField}


class UserEditForm(UserChangeForm):  # type: ignore[misc]
    """An existing account; the password has a form of its own."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {"email": forms.EmailField}


class ApiTokenInline(ReadOnlyInline):
    """A user's tokens, recognisable and useless to a reader."""

    model = ApiToken
    fields = ("name", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at")
    readonly_fields = fields


@admin.register(User)
class UserAdmin(DjangoUserAdmin, AuditedAdmin):
    """Accounts. They are deactivated, not deleted: what was sent to whom stays true."""

    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "show_tier", "role", "show_status", "is_staff", "last_activity_at", "date_joined")
    list_filter = ("tier", "role", "status", "is_staff", "is_superuser")
    search_fields = ("email", "name", "id")
    ordering = ("email",)
    date_hierarchy = "date_joined"
    readonly_fields = ("id", "last_login", "last_activity_at", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("id", "email", "password", "name")}),
        ("Rights", {"fields": ("tier", "role", "status", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Reading", {"fields": ("timezone", "locale")}),
        ("Times", {"fields": ("last_login", "last_activity_at", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "tier", "role", "usable_password", "password1", "password2")}),
    )
    inlines = (ApiTokenInline,)

    @display("tier", ordering="tier", labels={"free": "info", "premium": "success", "enterprise": "success"})
    def show_tier(self, user: User) -> tuple[str, str]:
        """The tier as a coloured label."""
        return user.tier, user.get_tier_display()

    @display("status", ordering="status", labels={"active": "success", "pending": "warning"})
    def show_status(self, user: User) -> tuple[str, str]:
        """The status as a coloured label."""
        return user.status, user.get_status_display()

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[type[ReadOnlyInline], ...]:
        """A new account has no tokens to list."""
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Set the status to deactivated instead."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, AuditedAdmin):
    """Django's permission groups for operators, in the theme's clothes."""


@admin.register(ApiToken)
class ApiTokenAdmin(AuditedAdmin):
    """Tokens can be made and revoked; nothing about one can be edited and its text is shown once, when it is made."""

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
            return ("user", "name", "expires_at")
        return ("user", "name", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at")

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
        """Make the token; its text travels only inside this request."""
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
