"""What an exchange lists."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.markets.enums import MarketType, Watch
from apps.markets.models.exchange import Exchange


class Market(models.Model):
    """One symbol of one exchange; the primary key is the market id of snapshots (int32)."""

    id = models.AutoField(primary_key=True)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="markets")
    symbol = models.CharField(max_length=80, help_text="ccxt unified symbol")
    type = models.CharField(max_length=8, choices=MarketType.choices)
    base = models.CharField(max_length=40, help_text="as listed, with any multiplier")
    quote = models.CharField(max_length=40)
    settle = models.CharField(max_length=40, blank=True, default="")
    instrument = models.CharField(max_length=40, help_text="the asset, multiplier removed")
    multiplier = models.PositiveIntegerField(default=1, help_text="units of the asset in one listed base unit")
    contract_size = models.DecimalField(max_digits=36, decimal_places=18, default=Decimal(1))
    taker_fee = models.DecimalField(
        max_digits=10, decimal_places=8, null=True, blank=True, help_text="as told by the exchange; empty = unknown"
    )
    maker_fee = models.DecimalField(
        max_digits=10, decimal_places=8, null=True, blank=True, help_text="likewise; negative = a rebate"
    )
    amount_step = models.DecimalField(
        max_digits=36, decimal_places=18, null=True, blank=True, help_text="in base units"
    )
    min_amount = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True, help_text="in base units")
    min_notional = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True)
    price_step = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True)
    max_leverage = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    active = models.BooleanField(default=True, help_text="listed and trading, as the exchange says")
    watch = models.CharField(
        max_length=8,
        choices=Watch.choices,
        default=Watch.AUTO,
        help_text="Pinned: monitored whatever its rank. Blocked: never monitored.",
    )
    monitored = models.BooleanField(default=True, help_text="in the universe: polled rows of others are left out")
    liquidity_usd = models.FloatField(null=True, blank=True, help_text="traded in 24 h, in dollars")
    spread = models.FloatField(null=True, blank=True, help_text="mean of (ask - bid) / mid, recent samples weigh more")
    spread_volatility = models.FloatField(null=True, blank=True, help_text="standard deviation of the same")
    rank = models.PositiveIntegerField(null=True, blank=True, help_text="place within its exchange and type, 1 = best")
    settled_interval_hours = models.FloatField(
        null=True, blank=True, help_text="spacing of its settled fundings; counts where the exchange tells no interval"
    )
    settled_checked_at = models.DateTimeField(null=True, blank=True, help_text="when its settled fundings were read")
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["exchange", "symbol"], name="market_symbol_once"),
            models.CheckConstraint(condition=Q(multiplier__gte=1, contract_size__gt=0), name="market_units_positive"),
        ]
        indexes = [models.Index(fields=["instrument", "type"], condition=Q(active=True), name="market_instrument")]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.symbol}"
