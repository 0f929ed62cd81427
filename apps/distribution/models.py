"""Who was given what and why not, and the groups that may be told."""

import uuid

from django.conf import settings
from django.db import models

from apps.distribution.enums import DistributionState, Reason


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
