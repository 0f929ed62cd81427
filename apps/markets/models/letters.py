"""Answers that failed validation, kept as they came."""

from django.db import models
from django.utils import timezone

from apps.markets.enums import LetterState, SnapshotKind
from apps.markets.models.exchange import Exchange


class DeadLetter(models.Model):
    """One kind of trouble with one feed: the newest body it came with (compressed), and how often it came."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="dead_letters")
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in SnapshotKind])
    trouble = models.CharField(max_length=40, help_text="what was wrong, as a code")
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=LetterState.choices, default=LetterState.OPEN)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    body = models.BinaryField(help_text="the answers with their moments and headers, as compressed JSON")
    body_bytes = models.PositiveIntegerField(default=0, help_text="uncompressed")
    outcome = models.CharField(max_length=500, blank=True, default="", help_text="what the last replay came to")

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "kind", "trouble"],
                condition=models.Q(state="open"),
                name="dead_letter_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.kind}: {self.trouble}"
