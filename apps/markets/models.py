"""Rows of the markets room: exchanges, their markets, and how each of their feeds does."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.markets.enums import ExchangeStatus, FeedState, MarketType, SnapshotKind


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

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.id


class Market(models.Model):
    """One symbol of one exchange; the primary key is the market id of snapshots (int32)."""

    id = models.AutoField(primary_key=True)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="markets")
    symbol = models.CharField(max_length=80, help_text="ccxt unified symbol")
    type = models.CharField(max_length=4, choices=MarketType.choices)
    base = models.CharField(max_length=40, help_text="as listed, with any multiplier")
    quote = models.CharField(max_length=40)
    settle = models.CharField(max_length=40, blank=True, default="")
    instrument = models.CharField(max_length=40, help_text="the asset, multiplier removed")
    multiplier = models.PositiveIntegerField(default=1, help_text="units of the asset in one listed base unit")
    contract_size = models.DecimalField(max_digits=36, decimal_places=18, default=Decimal(1))
    taker_fee = models.DecimalField(
        max_digits=10, decimal_places=8, null=True, blank=True, help_text="as told by the exchange; empty = unknown"
    )
    taker_fee_override = models.DecimalField(max_digits=10, decimal_places=8, null=True, blank=True)
    fee_unknown = models.BooleanField(
        default=False, help_text="Set by an operator who does not trust the told fee: no pair is made with this market."
    )
    amount_step = models.DecimalField(
        max_digits=36, decimal_places=18, null=True, blank=True, help_text="in base units"
    )
    min_amount = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True, help_text="in base units")
    min_notional = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True)
    price_step = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True)
    max_leverage = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    active = models.BooleanField(default=True)
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["exchange", "symbol"], name="market_symbol_once"),
            models.CheckConstraint(condition=Q(multiplier__gte=1, contract_size__gt=0), name="market_units_positive"),
            models.CheckConstraint(
                condition=Q(taker_fee_override__isnull=True) | Q(taker_fee_override__gte=0, taker_fee_override__lt=1),
                name="market_fee_override_fraction",
            ),
        ]
        indexes = [models.Index(fields=["instrument", "type"], condition=Q(active=True), name="market_instrument")]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.symbol}"

    @property
    def fee(self) -> Decimal | None:
        """The taker fee that counts, as a fraction; None = unknown, and then no pair with this market is made."""
        if self.fee_unknown:
            return None
        return self.taker_fee if self.taker_fee_override is None else self.taker_fee_override


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
