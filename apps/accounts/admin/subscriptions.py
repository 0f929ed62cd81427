"""Subscriptions and payment messages in the admin."""

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from apps.accounts.enums import Source
from apps.accounts.models import PaymentEvent, Subscription, SubscriptionChange
from apps.accounts.services import subscription_close, subscription_start
from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, display


class SubscriptionForm(forms.ModelForm):
    """A tier that an operator gives, for a time or without end."""

    class Meta:
        model = Subscription
        fields = ("user", "tier", "ends_at")

    def clean(self) -> dict[str, object]:
        """It ends after now."""
        cleaned = super().clean() or {}
        ends_at = cleaned.get("ends_at")
        if ends_at is not None and ends_at <= clock.wall_now():
            self.add_error("ends_at", "It has to end in the future.")
        return cleaned

    def _post_clean(self) -> None:
        """The service makes the row; this form's own instance never becomes one."""


class SubscriptionChangeInline(ReadOnlyInline):
    """What happened to it."""

    model = SubscriptionChange
    fields = ("at", "action", "facts")
    readonly_fields = fields


@admin.register(Subscription)
class SubscriptionAdmin(AuditedAdmin):
    """What people have for a time. Operators give and end; what the provider says is the provider's."""

    form = SubscriptionForm
    list_display = ("user", "show_tier", "source", "starts_at", "ends_at", "closed_at", "closed_because")
    list_filter = ("tier", "source", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "external_id", "plan")
    date_hierarchy = "starts_at"
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    actions = ("end_now",)

    @display("tier", ordering="tier", labels={"premium": "success", "enterprise": "success", "basic": "info"})
    def show_tier(self, row: Subscription) -> tuple[str, str]:
        """The tier as a coloured label."""
        return row.tier, row.get_tier_display()

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> tuple[str, ...]:
        """Three fields make one."""
        if obj is None:
            return ("user", "tier", "ends_at")
        return (
            "id", "user", "tier", "source", "plan", "external_id", "renews", "starts_at", "ends_at", "grace_until",
            "noticed_at", "told_at", "closed_at", "closed_because", "created_at",
        )  # fmt: skip

    def get_inlines(self, request: HttpRequest, obj: Subscription | None) -> tuple[type[ReadOnlyInline], ...]:
        """A new one has no history."""
        return (SubscriptionChangeInline,) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        """End it and give another instead."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        """History stays."""
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may give may end."""
        return bool(self.has_add_permission(request))

    def save_model(self, request: HttpRequest, obj: Subscription, form: forms.ModelForm, change: bool) -> None:
        """Given by the service, which keeps the user's tier right."""
        given = form.cleaned_data
        row = subscription_start(
            user_id=given["user"].pk,
            tier=given["tier"],
            source=Source.OPERATOR,
            ends_at=given["ends_at"],
            grace_days=0,
            actor_id=request.user.pk,
            now=clock.wall_now(),
        )
        obj.pk = row.pk

    @admin.action(description="End now", permissions=["end"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """What they opened is closed at once."""
        now, actor = clock.wall_now(), request.user.pk
        ended = sum(
            subscription_close(subscription=row, because="ended_by_operator", actor_id=actor, now=now)
            for row in queryset
        )
        self.message_user(request, ngettext("%d subscription ended.", "%d subscriptions ended.", ended) % ended)


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(ReadOnlyAdmin):
    """The history of all subscriptions."""

    list_display = ("at", "subscription", "action", "facts")
    list_filter = ("action",)
    search_fields = ("subscription__user__email", "action")
    date_hierarchy = "at"
    list_select_related = ("subscription",)


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin):
    """What the payment provider said, and why it could not be applied where it could not."""

    list_display = ("received_at", "type", "show_state", "code", "user", "attempts")
    list_filter = ("state", "type", "code")
    search_fields = ("id", "user__email", "reason")
    date_hierarchy = "received_at"
    list_select_related = ("user",)

    @display("state", ordering="state", labels={"applied": "success", "refused": "danger"})
    def show_state(self, row: PaymentEvent) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.state, row.get_state_display()
