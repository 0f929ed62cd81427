"""Rows of the opportunities room: opportunities, and what became of them after the alert."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from apps.opportunities.enums import Context, OpportunityKind, OpportunityStatus, Origin, Risk

OPEN = (OpportunityStatus.DETECTED, OpportunityStatus.ACTIVE)
# An active row that could not be priced again for this long is not believed, whatever its risk: the books of a few
# hundred rows take turns of a minute.
PRICE_BELIEVED_FOR = timedelta(minutes=2)


def price_disbelieved(now: datetime) -> Q:
    """Rows whose price is too old at `now`, or from the future as far: then our clock was set back."""
    return Q(priced_at__lte=now - PRICE_BELIEVED_FOR) | Q(priced_at__gte=now + PRICE_BELIEVED_FOR)


def _edge(*, null: bool = False) -> models.DecimalField:
    """A fraction of notional."""
    return models.DecimalField(max_digits=15, decimal_places=8, null=null, blank=null)


def _dollars() -> models.DecimalField:
    return models.DecimalField(max_digits=20, decimal_places=4, default=Decimal(0))


class OpportunityQuerySet(models.QuerySet["Opportunity"]):
    """Reads that writes begin with."""

    def locked(self, *, skip: bool = False) -> "OpportunityQuerySet":
        """These rows, locked until the transaction ends, always in the same order: two workers never wait in a circle.

        With `skip` those that somebody else holds are left out instead of waited for."""
        return self.order_by("pk").select_for_update(skip_locked=skip)


class Opportunity(models.Model):
    """One episode of one edge: figures of the best prices while `detected`, later those at `size` on the books.

    Edges are fractions of notional, `size`, `optimal_notional` and `max_notional` dollars, `profit` quote currency.
    """

    id = models.UUIDField(primary_key=True, editable=False, help_text="UUIDv5 of fingerprint and opening time")
    fingerprint = models.CharField(max_length=64, help_text="sha256 of kind, instrument and legs")
    kind = models.CharField(max_length=20, choices=OpportunityKind.choices)
    instrument = models.CharField(max_length=40)
    symbol = models.CharField(max_length=80)
    quote = models.CharField(max_length=40, help_text="currency of prices and profit")
    status = models.CharField(max_length=10, choices=OpportunityStatus.choices, default=OpportunityStatus.DETECTED)
    gross_edge = _edge()
    net_edge = _edge()
    net_apr = _edge(null=True)
    peak_net_edge = _edge()
    size = _dollars()
    optimal_notional = _dollars()
    max_notional = _dollars()
    profit = models.DecimalField(max_digits=24, decimal_places=8, default=Decimal(0))
    risk = models.CharField(max_length=8, choices=Risk.choices, default=Risk.HIGH)
    confidence = models.FloatField(default=0.0)
    score = models.FloatField(default=0.0)
    legs = models.JSONField(help_text="[{exchange, symbol, market_id, side, price, amount, rate, fee}]")
    leg_count = models.PositiveSmallIntegerField()
    details = models.JSONField(default=dict, help_text="what else a trader of this kind wants to know")
    evidence = models.JSONField(default=dict, help_text="everything the net edge was computed from")
    context = models.CharField(max_length=10, choices=Context.choices, default=Context.GLOBAL)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    opened_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    priced_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True, default="")

    objects = OpportunityQuerySet.as_manager()

    class Meta:
        ordering = ["-score", "id"]
        verbose_name_plural = "opportunities"
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"], condition=Q(status__in=OPEN), name="opportunity_open_fingerprint_once"
            ),
            models.CheckConstraint(condition=Q(net_edge__lte=F("gross_edge")), name="opportunity_net_within_gross"),
            models.CheckConstraint(
                condition=Q(kind__in=(OpportunityKind.FUNDING_RATE, OpportunityKind.CROSS_EXCHANGE), leg_count=2),
                name="opportunity_legs_of_kind",
            ),
            models.CheckConstraint(
                condition=~Q(status=OpportunityStatus.ACTIVE) | Q(activated_at__isnull=False),
                name="opportunity_active_since",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, closed_at__isnull=True)
                | (~Q(status__in=OPEN) & Q(closed_at__isnull=False)),
                name="opportunity_ended_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-score"], name="opportunity_listed"),
            models.Index(fields=["fingerprint", "-closed_at"], name="opportunity_episodes"),
            models.Index(fields=["-opened_at"], name="opportunity_recent"),
            models.Index(fields=["closed_at"], name="opportunity_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.symbol} {self.status}"

    @property
    def market_ids(self) -> tuple[int, ...]:
        """Market ids of the legs, in the legs' order."""
        return tuple(leg["market_id"] for leg in self.legs)


class Markout(models.Model):
    """The net edge of an opportunity at its alerted size, `horizon_s` seconds after the alert: is what we send true?"""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="markouts")
    horizon_s = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    # Text, since SQLite keeps 15 digits of a decimal and this one has to come back as it went in.
    quantity = models.CharField(max_length=60, help_text="units of the instrument that the alert spoke of")
    measured_at = models.DateTimeField(null=True, blank=True)
    net_edge = _edge(null=True)
    book_age_ms = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True, default="", help_text="why there is no figure")

    class Meta:
        ordering = ["opportunity_id", "horizon_s"]
        constraints = [models.UniqueConstraint(fields=["opportunity", "horizon_s"], name="markout_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(measured_at__isnull=True, reason=""), name="markout_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id} +{self.horizon_s} s"
