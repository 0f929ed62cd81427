"""What people subscribed to, and what became of it."""

import uuid

from django.db import models
from django.db.models import F, Q

from apps.accounts.enums import EventState, Source, Tier
from apps.accounts.models.people import User


class Subscription(models.Model):
    """A tier for a time, from one source. It counts from `starts_at` until the grace after `ends_at` is over, or until
    it is closed; what is closed stays, and is never opened again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    tier = models.CharField(max_length=16, choices=Tier.choices)
    source = models.CharField(max_length=16, choices=Source.choices)
    plan = models.CharField(max_length=80, blank=True, help_text="The payment provider's name of what was bought.")
    external_id = models.CharField(max_length=120, blank=True, help_text="The payment provider's id.")
    renews = models.BooleanField(
        default=False, help_text="The provider extends it by itself; its end is not announced."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: no end.")
    grace_until = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    noticed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_because = models.CharField(max_length=32, blank=True, editable=False)
    # The provider's own time of the newest message that was applied: older ones that come later change nothing.
    told_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "source"), condition=Q(closed_at=None), name="accounts_subscription_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None, grace_until=None)
                | Q(ends_at__gt=F("starts_at"), grace_until__gte=F("ends_at")),
                name="accounts_subscription_times",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tier} ({self.source})"


class SubscriptionChange(models.Model):
    """A line of a subscription's history."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    action = models.CharField(max_length=32)
    # What was told with it: the new end, the reason, the provider's message.
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return self.action


class PaymentEvent(models.Model):
    """A payment provider's signed message and what became of it; the same id twice has one effect."""

    id = models.CharField(max_length=120, primary_key=True)
    type = models.CharField(max_length=80)
    body = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=EventState.choices)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="payment_events")
    received_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("-received_at", "id")

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
