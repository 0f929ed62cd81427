"""Exchanges, and how each of their feeds does."""

from django.db import models
from django.utils import timezone

from apps.markets.enums import ExchangeStatus, FeedState, SnapshotKind


class Exchange(models.Model):
    """A venue, named by its ccxt id."""

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80)
    enabled = models.BooleanField(default=True, help_text="Off: not polled, and its data is not used.")
    status = models.CharField(max_length=12, choices=ExchangeStatus.choices, default=ExchangeStatus.NEW)
    status_reason = models.CharField(max_length=500, blank=True, default="")
    clock_offset_ms = models.IntegerField(default=0, help_text="Exchange clock minus ours, smoothed.")
    markets_loaded_at = models.DateTimeField(null=True, blank=True)
    market_version = models.PositiveIntegerField(
        default=0, help_text="Counts changes of the markets; snapshots made with another version are refused."
    )

    transfers_checked_at = models.DateTimeField(null=True, blank=True)
    key_problem = models.CharField(
        max_length=500, blank=True, default="", help_text="Why the exchange refused our market-data key; empty = fine."
    )
    key_refused = models.CharField(
        max_length=16, blank=True, default="", help_text="Fingerprint of that key: another one is tried."
    )

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.id


class Feed(models.Model):
    """The newest word on one kind of data of one exchange; written on a change of state, else every 30 s at most."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="feeds")
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in SnapshotKind])
    state = models.CharField(max_length=12, choices=FeedState.choices, default=FeedState.NEW)
    reason = models.CharField(max_length=500, blank=True, default="")
    since = models.DateTimeField(default=timezone.now, help_text="when this state began")
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_rows = models.PositiveIntegerField(default=0)
    last_refused = models.PositiveIntegerField(default=0)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["exchange_id", "kind"]
        constraints = [models.UniqueConstraint(fields=["exchange", "kind"], name="feed_once")]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.kind}"
