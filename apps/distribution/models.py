"""Who was given what and why not, and the groups that may be told."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core import clock
from apps.distribution.enums import DistributionState, Reason, Refusal


class Group(models.Model):
    """A chat or channel that somebody registered for group alerts. Without such a row no group is told anything."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_groups")
    endpoint = models.OneToOneField("notifications.Endpoint", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    kinds = models.JSONField(default=list, blank=True, help_text="only these kinds; empty: all")
    min_net_edge = models.DecimalField(
        max_digits=15, decimal_places=8, null=True, blank=True, help_text="a fraction; of kinds that promise an edge"
    )
    min_strength = models.FloatField(null=True, blank=True, help_text="from 0 to 1; of technical signals")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.name


class Distribution(models.Model):
    """One decision. A refusal is a row with its reason, so that "why did I not get this?" has an answer."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="distributions")
    recipient_id = models.UUIDField(help_text="the person's id, or that of a group's endpoint")
    group = models.ForeignKey(Group, on_delete=models.SET_NULL, null=True, blank=True, related_name="distributions")
    # No foreign key: decisions outlive the retention of opportunities, quotas and cooldowns count them.
    opportunity_id = models.UUIDField(db_index=True)
    fingerprint = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=DistributionState.choices)
    reason = models.CharField(max_length=32, choices=Reason.choices, blank=True)
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    notification = models.ForeignKey(
        "notifications.Notification",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        ordering = ("-decided_at",)
        constraints = (models.UniqueConstraint(fields=("recipient_id", "opportunity_id"), name="distribution_once"),)
        indexes = (
            # Quotas, cooldowns and fairness all ask what somebody was given since a moment.
            models.Index(fields=("state", "decided_at", "recipient_id"), name="distribution_given"),
            models.Index(fields=("state", "due_at"), name="distribution_scheduled"),
            models.Index(fields=("user", "-decided_at"), name="distribution_of_user"),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.reason} {self.opportunity_id}".replace("  ", " ")


class AlertTrigger(models.Model):
    """What somebody wants to be told of when it happens; its kind says what (`triggers/`).

    `feed` and `exchange` are made of the parameters, to load only what news may change ("": any). `standing` is the
    side that was noted last: 1 it holds, -1 it does not, 0 not looked at yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_triggers")
    name = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=32)
    params = models.JSONField(help_text="checked by the kind")
    feed = models.CharField(max_length=16, blank=True)
    exchange = models.CharField(max_length=40, blank=True)
    cool_down_s = models.PositiveIntegerField(null=True, blank=True, help_text="seconds; empty: the house's")
    per_hour = models.PositiveIntegerField(null=True, blank=True, help_text="messages at most; empty: the house's")
    repeat = models.BooleanField(default=False, help_text="told again after each cool-down while it holds")
    enabled = models.BooleanField(default=True)
    standing = models.SmallIntegerField(default=0, editable=False)
    # Unix ms: the database adds a row's own cool-down to it, which it can't do with its moments alike everywhere.
    rests_until_ms = models.BigIntegerField(default=0, editable=False)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    fired = models.PositiveIntegerField(default=0, editable=False)
    last_fired_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_reason = models.CharField(max_length=16, choices=Refusal.choices, blank=True, editable=False)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("feed", "exchange"), name="alert_trigger_source", condition=Q(enabled=True)),
            models.Index(fields=("user", "-created_at", "-id"), name="alert_trigger_of_user"),
        )

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.pk}"

    @property
    def rests_until(self) -> datetime | None:
        """Until when it says nothing; None before it has said anything."""
        return clock.from_ms(self.rests_until_ms) if self.rests_until_ms else None


class AlertFired(models.Model):
    """One time that a trigger spoke: what it said, and the figures that it was made of."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alerts_fired")
    trigger = models.ForeignKey(AlertTrigger, on_delete=models.SET_NULL, null=True, blank=True, related_name="history")
    name = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=32)
    subject = models.CharField(
        max_length=64, blank=True, help_text="what is told only once; empty: nothing in particular"
    )
    title = models.CharField(max_length=300)
    lines = models.JSONField(default=list)
    evidence = models.JSONField(default=dict, help_text="values, and quotes with their times and sources")
    origin = models.CharField(max_length=10)
    fired_at = models.DateTimeField(db_index=True)
    notification = models.ForeignKey(
        "notifications.Notification", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-fired_at", "-id")
        verbose_name_plural = "alerts fired"
        indexes = (
            models.Index(fields=("user", "-fired_at", "-id"), name="alert_fired_of_user"),
            # The hour's limit counts by it.
            models.Index(fields=("trigger", "fired_at"), name="alert_fired_of_trigger"),
            models.Index(fields=("subject",), name="alert_fired_subject", condition=~Q(subject="")),
        )

    def __str__(self) -> str:
        return self.title
