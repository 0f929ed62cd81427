"""Messages and what became of them; dead letters can be sent again."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from apps.core import clock
from apps.core.admin.base import ReadOnlyAdmin, ReadOnlyInline, display
from apps.core.exceptions import PermanentError
from apps.core.later import later
from apps.notifications.models import Attachment, Delivery, DeliveryAttempt, Notification, StoredFile

if TYPE_CHECKING:
    from apps.notifications import services
    from apps.notifications.services import resend
else:
    services = later("apps.notifications.services")
    resend = later("apps.notifications.services.resend")

STATE_COLOURS = {
    "pending": "info",
    "sending": "info",
    "delivered": "success",
    "failed": "warning",
    "expired": "warning",
    "temporary": "warning",
    "throttled": "warning",
    "dead": "danger",
    "permanent": "danger",
    "lost": "danger",
}


class DeliveryAttemptInline(ReadOnlyInline):
    """Every try of a delivery."""

    model = DeliveryAttempt
    fields = ("number", "started_at", "finished_at", "outcome", "code", "reason")
    readonly_fields = fields
    verbose_name_plural = "attempts"


class DeliveryInline(ReadOnlyInline):
    """Every delivery of a notification."""

    model = Delivery
    fields = ("channel", "show_delivery", "state", "attempts", "next_attempt_at", "finished_at", "last_error")
    readonly_fields = fields

    @display("delivery")
    def show_delivery(self, delivery: Delivery) -> SafeString:
        """A link to the row; naming its endpoint would cost a query a row."""
        url = reverse("admin:notifications_delivery_change", args=[delivery.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, delivery.pk)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """One message owed to one person."""

    list_display = ("created_at", "user", "template", "priority", "show_state", "origin", "expires_at")
    list_filter = ("state", "priority", "template", "origin")
    search_fields = ("user__email", "dedupe_key", "id")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    inlines = (DeliveryInline,)
    actions = ("resend",)

    @display("state", ordering="state", labels=STATE_COLOURS)
    def show_state(self, notification: Notification) -> tuple[str, str]:
        """The state as a coloured label."""
        return notification.state, notification.get_state_display()

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Who may change messages by Django's permissions, though no form lets them."""
        return request.user.has_perm("notifications.change_notification")

    @admin.action(description="Send again (what reached nobody)", permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """All dead letters of the selected messages; who had no endpoint is sent it where they have one now."""
        sent = 0
        for notification in queryset:
            try:
                resend.notification_resend(notification_id=notification.pk, now=clock.now())
            except PermanentError as error:
                self.message_user(request, f"{notification.pk}: {error.message}", level=messages.WARNING)
            else:
                sent += 1
                self.audit(request, "notification_resent", notification, {})
        self.message_user(request, ngettext("%d will be sent again.", "%d will be sent again.", sent) % sent)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """One message on one endpoint; dead letters are those in state dead."""

    list_display = (
        "created_at",
        "show_user",
        "channel",
        "priority",
        "show_state",
        "attempts",
        "next_attempt_at",
        "last_error",
    )
    list_filter = ("state", "channel", "priority", "notification__template")
    search_fields = ("notification__user__email", "provider_message_id", "last_error", "id", "notification__id")
    date_hierarchy = "created_at"
    list_select_related = ("notification__user",)
    fields = (
        "show_notification",
        "endpoint",
        "channel",
        "template",
        "priority",
        "state",
        "attempts",
        "next_attempt_at",
        "lease_until",
        "last_error",
        "notes",
        "provider",
        "provider_message_id",
        "created_at",
        "finished_at",
    )
    readonly_fields = fields
    inlines = (DeliveryAttemptInline,)
    actions = ("replay",)

    @display("user", ordering="notification__user__email")
    def show_user(self, delivery: Delivery) -> str:
        """Whose message it is."""
        return str(delivery.notification.user)

    @display("notification")
    def show_notification(self, delivery: Delivery) -> str:
        """The message in a few words."""
        return f"{delivery.notification.template} for {delivery.notification.user}"

    @display("state", ordering="state", labels=STATE_COLOURS)
    def show_state(self, delivery: Delivery) -> tuple[str, str]:
        """The state as a coloured label."""
        return delivery.state, delivery.get_state_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """With what every page of it names."""
        return super().get_queryset(request).select_related("notification__user", "endpoint")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may change deliveries by Django's permissions, though no form lets them."""
        return request.user.has_perm("notifications.change_delivery")

    @admin.action(description="Send again (dead letters)", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Give the selected dead letters a fresh budget; what can't be sent again is told with the reason."""
        sent = 0
        for delivery in queryset:
            try:
                services.delivery_replay(delivery_id=delivery.pk)
            except PermanentError as error:
                self.message_user(request, f"{delivery.pk}: {error.message}", level=messages.WARNING)
            else:
                sent += 1
                self.audit(request, "delivery_replayed", delivery, {})
        self.message_user(request, ngettext("%d will be sent again.", "%d will be sent again.", sent) % sent)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """One try at one delivery."""

    list_display = ("started_at", "show_channel", "number", "show_outcome", "code", "reason", "finished_at")
    list_filter = ("outcome", "delivery__channel", "code")
    search_fields = ("delivery__id", "code", "reason")
    date_hierarchy = "started_at"
    list_select_related = ("delivery",)

    @display("channel", ordering="delivery__channel")
    def show_channel(self, attempt: DeliveryAttempt) -> str:
        """The channel of its delivery."""
        return attempt.delivery.channel

    @display("outcome", ordering="outcome", labels=STATE_COLOURS)
    def show_outcome(self, attempt: DeliveryAttempt) -> tuple[str, str]:
        """How it ended, as a coloured label."""
        return attempt.outcome, attempt.get_outcome_display()


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    """A file under the name that readers see. Its content is for them: there is no link here."""

    list_display = ("created_at", "bundle", "filename", "file", "expires_at")
    search_fields = ("bundle", "filename")
    date_hierarchy = "created_at"
    list_select_related = ("file",)


@admin.register(StoredFile)
class StoredFileAdmin(ReadOnlyAdmin):
    """What lies on the storage."""

    list_display = ("used_at", "content_type", "size", "sha256", "stored_at", "doomed_at")
    list_filter = ("content_type",)
    search_fields = ("sha256",)
