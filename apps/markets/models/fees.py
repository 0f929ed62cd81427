"""Fees that operators know better than an exchange's public word; the most specific rule counts."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from apps.markets.enums import MarketType
from apps.markets.models.exchange import Exchange
from apps.markets.models.market import Market


class FeeRule(models.Model):
    """Fees of an exchange, of its markets of a type, or of one market; for everybody or for one fee tier of its users.

    Neither a taker fee nor `fee_free` means unknown: no pair is made with such a market."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="fee_rules")
    market_type = models.CharField(max_length=8, choices=MarketType.choices, blank=True, default="")
    market = models.ForeignKey(Market, on_delete=models.CASCADE, null=True, blank=True, related_name="fee_rules")
    tier = models.CharField(
        max_length=20, blank=True, default="", help_text="the exchange's own name of the tier (VIP1); empty = everybody"
    )
    taker = models.DecimalField(max_digits=10, decimal_places=8, null=True, blank=True, help_text="as a fraction")
    maker = models.DecimalField(max_digits=10, decimal_places=8, null=True, blank=True, help_text="as a fraction")
    fee_free = models.BooleanField(default=False, help_text="The exchange takes no fee here, and that is meant.")
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["exchange_id", "market_type", "market_id", "tier"]
        constraints = [
            models.UniqueConstraint(fields=["market", "tier"], name="fee_rule_once_per_market"),
            models.UniqueConstraint(
                fields=["exchange", "market_type", "tier"], condition=Q(market=None), name="fee_rule_once"
            ),
            models.CheckConstraint(condition=Q(market=None) | Q(market_type=""), name="fee_rule_market_or_type"),
            models.CheckConstraint(
                condition=Q(taker__isnull=True) | Q(taker__gt=0, taker__lt=1), name="fee_rule_taker_fraction"
            ),
            models.CheckConstraint(
                condition=Q(maker__isnull=True) | Q(maker__gt=-1, maker__lt=1), name="fee_rule_maker_fraction"
            ),
            models.CheckConstraint(
                condition=Q(fee_free=False) | Q(taker__isnull=True, maker__isnull=True), name="fee_rule_free_or_fee"
            ),
        ]

    def clean(self) -> None:
        """A rule about a market belongs to that market's exchange."""
        if self.market is not None and self.market.exchange_id != self.exchange_id:
            raise ValidationError({"market": f"{self.market} is not a market of {self.exchange_id}."})

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.exchange_id, self.market_type, self.market_id, self.tier) if part)
