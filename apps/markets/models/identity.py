"""What operators know of identities: aliases, denied names, and pairs of prices that need a decision."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.markets.enums import QuarantineState
from apps.markets.models.exchange import Exchange
from apps.markets.models.market import Market

_TAKEN = "There is a rule about this name already: change that one."


class InstrumentAlias(models.Model):
    """A listed base that is another asset than its name says, or a pack of one; it counts before the built-in rules."""

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: on every exchange."
    )
    base = models.CharField(max_length=40, help_text="as listed")
    instrument = models.CharField(max_length=40, help_text="the asset, multiplier removed")
    multiplier = models.PositiveIntegerField(default=1, help_text="units of the asset in one listed base unit")
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["base", "exchange_id"]
        verbose_name_plural = "instrument aliases"
        constraints = [
            models.UniqueConstraint(fields=["exchange", "base"], name="alias_once", violation_error_message=_TAKEN),
            models.UniqueConstraint(
                fields=["base"],
                condition=Q(exchange=None),
                name="alias_everywhere_once",
                violation_error_message=_TAKEN,
            ),
            models.CheckConstraint(condition=Q(multiplier__gte=1), name="alias_multiplier_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id or '*'} {self.base} = {self.multiplier} {self.instrument}"


class DeniedBase(models.Model):
    """A base whose markets are left out: another coin of a known ticker, a token that is no asset."""

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: on every exchange."
    )
    base = models.CharField(max_length=40, help_text="as listed")
    reason = models.CharField(max_length=200)

    class Meta:
        ordering = ["base", "exchange_id"]
        constraints = [
            models.UniqueConstraint(fields=["exchange", "base"], name="denied_once", violation_error_message=_TAKEN),
            models.UniqueConstraint(
                fields=["base"],
                condition=Q(exchange=None),
                name="denied_everywhere_once",
                violation_error_message=_TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id or '*'} {self.base}"


class Quarantine(models.Model):
    """A market whose price is too far from its namesakes': no pair is made with it until an operator decides."""

    market = models.OneToOneField(Market, on_delete=models.CASCADE, related_name="quarantine")
    state = models.CharField(max_length=10, choices=QuarantineState.choices, default=QuarantineState.PENDING)
    ratio = models.FloatField(help_text="its price over that of the others")
    compared_with = models.CharField(max_length=300, help_text="the markets it was compared with")
    since = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["state", "-since"]
        verbose_name_plural = "quarantine"

    def __str__(self) -> str:
        return f"{self.market_id}: {self.ratio:.4g}"
