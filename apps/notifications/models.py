"""What is owed to whom, where it can be sent and what became of it. Queue messages are only doorbells."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.notifications.enums import DeliveryState, NotificationState, Outcome, Priority


class Endpoint(models.Model):
    """A person's address on a channel. Each route gets a message; inside one, positions are tried in order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="endpoints")
    channel = models.CharField(max_length=32)
    address = models.CharField(max_length=500)
    credentials = models.TextField(blank=True, editable=False, help_text="Encrypted by the vault.")
    label = models.CharField(max_length=80, blank=True)
    route = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("user_id", "route", "position", "created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "channel", "address"),
                name="notifications_endpoint_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel} {self.label or self.pk}"

    @property
    def usable(self) -> bool:
        """Whether messages may go there: verified by its owner and not switched off."""
        return self.verified_at is not None and self.disabled_at is None


class Template(models.Model):
    """The words of a message. Edits make a new version; the newest active one is used."""

    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=32, blank=True, help_text="Empty: for every channel without its own.")
    locale = models.CharField(max_length=16, default="en")
    version = models.PositiveIntegerField(default=1)
    active = models.BooleanField(default=True)
    subject = models.TextField(blank=True)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "channel", "locale", "-version")
        constraints = (
            models.UniqueConstraint(
                fields=("name", "channel", "locale", "version"),
                name="notifications_template_version",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} · {self.channel or 'any'} · {self.locale} · v{self.version}"


class Notification(models.Model):
    """One message owed to one person, whatever channels it takes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    template = models.CharField(max_length=80)
    context = models.JSONField(default=dict)
    priority = models.CharField(max_length=16, choices=Priority.choices)
    dedupe_key = models.CharField(max_length=200, unique=True)
    origin = models.CharField(max_length=16)
    state = models.CharField(
        max_length=16,
        choices=NotificationState.choices,
        default=NotificationState.PENDING,
    )
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("user", "-created_at"), name="notifications_of_user"),)

    def __str__(self) -> str:
        return f"{self.template} {self.dedupe_key}"


class Delivery(models.Model):
    """That message on one endpoint. A worker holds it by `lease_token` until `lease_until`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    # RESTRICT, not CASCADE: history outlives a wish to drop an address (it is disabled instead), but not its owner.
    endpoint = models.ForeignKey(Endpoint, on_delete=models.RESTRICT, related_name="deliveries")
    channel = models.CharField(max_length=32)
    priority = models.CharField(max_length=16, choices=Priority.choices)
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    # Both in real time: a replayed clock may stand still or start anew, retries and leases must not.
    next_attempt_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-created_at",)
        constraints = (
            # Falling back is idempotent: a route's next endpoint can be taken once per message.
            models.UniqueConstraint(fields=("notification", "endpoint"), name="notifications_delivery_once"),
            models.CheckConstraint(
                condition=Q(
                    state=DeliveryState.SENDING,
                    lease_token__isnull=False,
                    lease_until__isnull=False,
                )
                | (~Q(state=DeliveryState.SENDING) & Q(lease_token__isnull=True, lease_until__isnull=True)),
                name="notifications_delivery_lease",
            ),
        )
        indexes = (
            # Whole, not partial, indexes: SQLite does not use a partial one when the state is a bound parameter.
            models.Index(fields=("state", "priority", "next_attempt_at"), name="notifications_delivery_due"),
            models.Index(fields=("state", "lease_until"), name="notifications_delivery_leased"),
            models.Index(
                fields=("state", "channel", "-created_at"),
                name="notifications_delivery_list",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel} {self.state} {self.pk}"


class DeliveryAttempt(models.Model):
    """One try at one delivery. `number` is the attempt it counted as; a throttled try keeps the number for the next."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    code = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("delivery_id", "started_at")

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number} {self.outcome}"
