"""The decision, for each person and opportunity, whether it goes to them."""

from django.conf import settings
from django.db import models

from apps.distribution.enums import DistributionState, Reason


class Distribution(models.Model):
    """One decision. A refusal is a row with its reason, so that "why did I not get this?" has an answer."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="distributions")
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
        constraints = (models.UniqueConstraint(fields=("user", "opportunity_id"), name="distribution_once"),)
        indexes = (
            # Quotas, cooldowns and fairness all ask what somebody was given since a moment.
            models.Index(fields=("state", "decided_at", "user"), name="distribution_given"),
            models.Index(fields=("state", "due_at"), name="distribution_scheduled"),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.reason} {self.opportunity_id}".replace("  ", " ")
