"""People in the admin."""

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.accounts.admin.standing import may_stand_for
from apps.accounts.admin.status import StatusActions
from apps.accounts.models import ApiToken, User
from apps.accounts.selectors import allowed
from apps.accounts.services import base_tier_set
from apps.core import clock
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
class UserAdmin(StatusActions, DjangoUserAdmin, AuditedAdmin):
    """Accounts. They are deactivated, not deleted: what was sent to whom stays true."""

    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "show_tier", "role", "show_status", "is_staff", "last_activity_at", "date_joined")
    list_filter = ("tier", "role", "status", "is_staff", "is_superuser")
    search_fields = ("email", "name", "id")
    ordering = ("email",)
    date_hierarchy = "date_joined"
    # What gives rights to others is for those who may give rights.
    rights_fields = ("role", "is_staff", "is_superuser", "groups", "user_permissions")
    readonly_fields = ("id", "tier", "status", "last_login", "last_activity_at", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("id", "email", "password", "name")}),
        ("Rights", {"fields": ("tier", "base_tier", "status", *rights_fields)}),
        ("Reading", {"fields": ("timezone", "locale")}),
        ("Times", {"fields": ("last_login", "last_activity_at", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "base_tier", "role", "usable_password", "password1", "password2")}),
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

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Roles and rights are looked at by all, and given by who may."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if allowed(request.user, "admin.roles") else (*fixed, *self.rights_fields)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not that of an operator: see `may_stand_for`."""
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or may_stand_for(request, obj))

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        """The tier follows from the base, and is written by the one service that writes it."""
        if not change:
            obj.tier = obj.base_tier
        super().save_model(request, obj, form, change)
        if change and "base_tier" in form.changed_data:
            base_tier_set(user_id=obj.pk, tier=obj.base_tier, actor_id=request.user.pk, now=clock.wall_now())

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Deactivate them instead: an action of the list."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, AuditedAdmin):
    """Django's permission groups for operators, in the theme's clothes."""
