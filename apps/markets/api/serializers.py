"""What markets look like from outside. Decimals are strings, times ISO 8601 in UTC, rates and fees fractions."""

from rest_framework import serializers

from apps.markets.candles.timeframes import TIMEFRAMES
from apps.markets.enums import BarOrigin, DataSource, Gate, IntervalSource, MarketType, QuarantineState

INTERVAL_SOURCES = [source.name.lower() for source in IntervalSource]


class MarketSerializer(serializers.Serializer):
    """A market as its exchange lists it, and what the house makes of it."""

    id = serializers.IntegerField()
    exchange = serializers.CharField(source="exchange_id", help_text="ccxt id of the exchange")
    symbol = serializers.CharField(help_text="ccxt unified symbol")
    type = serializers.ChoiceField(choices=MarketType.choices)
    base = serializers.CharField(help_text="as listed, with any multiplier")
    quote = serializers.CharField()
    settle = serializers.CharField(allow_blank=True)
    instrument = serializers.CharField(help_text="the asset, multiplier removed")
    multiplier = serializers.IntegerField(help_text="units of the asset in one listed base unit")
    contract_size = serializers.DecimalField(
        36, 18, normalize_output=True, help_text="in base units (inverse perpetuals: in quote units)"
    )
    taker_fee = serializers.DecimalField(
        10, 8, allow_null=True, normalize_output=True, help_text="the one that counts; null = unknown: never paired"
    )
    maker_fee = serializers.DecimalField(10, 8, allow_null=True, normalize_output=True)
    fee_source = serializers.CharField(help_text="who says so: the exchange (`told`) or an operator's rule")
    amount_step = serializers.DecimalField(36, 18, allow_null=True, normalize_output=True)
    min_amount = serializers.DecimalField(36, 18, allow_null=True, normalize_output=True)
    min_notional = serializers.DecimalField(36, 18, allow_null=True, normalize_output=True)
    price_step = serializers.DecimalField(36, 18, allow_null=True, normalize_output=True)
    max_leverage = serializers.DecimalField(10, 2, allow_null=True, normalize_output=True)
    active = serializers.BooleanField(help_text="listed and trading")
    monitored = serializers.BooleanField(help_text="in the universe that is read")
    quarantine = serializers.ChoiceField(
        choices=QuarantineState.choices,
        allow_null=True,
        help_text="not null: its price is or was far from its namesakes'; while `pending` it is never paired",
    )
    rank = serializers.IntegerField(allow_null=True, help_text="place within its exchange and type, 1 = best")
    liquidity_usd = serializers.FloatField(allow_null=True, help_text="traded in 24 h, in dollars")
    spread = serializers.FloatField(allow_null=True, help_text="mean of (ask - bid) / mid lately")
    spread_volatility = serializers.FloatField(allow_null=True)
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class FoundSerializer(serializers.Serializer):
    """Whose data a row is, where it was found and how old it is; without data `reason` says why."""

    market_id = serializers.IntegerField()
    exchange = serializers.CharField()
    symbol = serializers.CharField()
    type = serializers.ChoiceField(choices=MarketType.choices)
    source = serializers.ChoiceField(choices=[source.value for source in DataSource], allow_null=True)  # type: ignore[assignment]
    received_at = serializers.DateTimeField(allow_null=True, help_text="when the exchange's answer had arrived")
    age = serializers.FloatField(allow_null=True, help_text="seconds since then")
    reason = serializers.CharField(allow_null=True, help_text="why there is no data; null where there is")


class TickerSerializer(FoundSerializer):
    """Best bid and ask; prices in quote currency per listed base unit, sizes in listed base units."""

    bid = serializers.CharField(allow_null=True)
    bid_size = serializers.CharField(allow_null=True)
    ask = serializers.CharField(allow_null=True)
    ask_size = serializers.CharField(allow_null=True)
    last = serializers.CharField(allow_null=True)
    quote_volume = serializers.CharField(allow_null=True, help_text="traded in 24 h, in quote currency")
    open_interest = serializers.CharField(
        allow_null=True, help_text="perpetuals that stand open, in listed base units; null where it is not told in bulk"
    )
    exchange_at = serializers.DateTimeField(allow_null=True, help_text="the exchange's own time, on our clock")


class FundingRateSerializer(FoundSerializer):
    """The predicted rate; what was really paid is the history."""

    rate = serializers.CharField(allow_null=True, help_text="fraction of notional that longs pay shorts per interval")
    interval_hours = serializers.FloatField(allow_null=True, help_text="null = unknown: the rate is not comparable")
    interval_source = serializers.ChoiceField(choices=INTERVAL_SOURCES, allow_null=True)
    next_funding_at = serializers.DateTimeField(allow_null=True)
    mark = serializers.CharField(allow_null=True)
    index = serializers.CharField(allow_null=True)
    exchange_at = serializers.DateTimeField(allow_null=True, help_text="the exchange's own time, on our clock")


class OrderBookSerializer(FoundSerializer):
    """The levels of both sides, best first: [price, size] in quote currency and listed base units."""

    bids = serializers.ListField(child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2))
    asks = serializers.ListField(child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2))
    exchange_at = serializers.DateTimeField(allow_null=True, help_text="the exchange's own time, on our clock")


class CandleSerializer(serializers.Serializer):
    """One bar that has ended; prices in quote currency per listed base unit."""

    open_at = serializers.DateTimeField(help_text="when it began")
    open = serializers.CharField()
    high = serializers.CharField()
    low = serializers.CharField()
    close = serializers.CharField()
    volume = serializers.CharField(allow_null=True, help_text="as the exchange tells it; null = not told")
    origin = serializers.ChoiceField(
        choices=BarOrigin.choices, help_text="the exchange's own bar, of trades, or middle prices of our quotes"
    )


class CandlesSerializer(FoundSerializer):
    """The known bars of one market, oldest first; what nobody watched is left out. `received_at` is the end of the
    newest bar, the age is counted from then."""

    timeframe = serializers.ChoiceField(choices=list(TIMEFRAMES))
    results = CandleSerializer(many=True)


class SettledSerializer(serializers.Serializer):
    """One settlement."""

    settled_at = serializers.DateTimeField()
    rate = serializers.FloatField(help_text="fraction of notional that longs paid shorts")


class NetworkSerializer(serializers.Serializer):
    """Whether a currency can be moved over one network of an exchange, and what that costs."""

    currency = serializers.CharField()
    network = serializers.CharField(help_text="ccxt unified code")
    deposit = serializers.ChoiceField(choices=Gate.choices)
    withdraw = serializers.ChoiceField(choices=Gate.choices)
    withdraw_fee = serializers.CharField(allow_null=True, help_text="in the currency; null = unknown")
    withdraw_min = serializers.CharField(allow_null=True, help_text="in the currency; null = unknown")


class NetworksSerializer(serializers.Serializer):
    """The networks of an exchange, as far as it tells."""

    exchange = serializers.CharField()
    source = serializers.ChoiceField(choices=[source.value for source in DataSource])  # type: ignore[assignment]
    age = serializers.FloatField(help_text="seconds since the exchange was asked")
    results = NetworkSerializer(many=True)


class PendingSerializer(serializers.Serializer):
    """It is on its way."""

    detail = serializers.CharField()
    retry_after = serializers.IntegerField(help_text="seconds after which to ask again")


class ExchangeFeedSerializer(serializers.Serializer):
    """One kind of data of an exchange."""

    kind = serializers.CharField(help_text="spot, swap or funding")
    state = serializers.CharField(help_text="only what is `ok` is used")
    reason = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField()
    age = serializers.FloatField(source="age_s", allow_null=True, help_text="seconds since the last good answer")
    rows = serializers.IntegerField()
    refused = serializers.IntegerField()
    latency_ms = serializers.IntegerField(allow_null=True)


class GuardsSerializer(serializers.Serializer):
    """How our calls to it are guarded."""

    breaker = serializers.ChoiceField(choices=("closed", "half_open", "open"))
    retry_in = serializers.FloatField(
        source="retry_in_s", help_text="seconds until an open breaker lets a call through"
    )
    budget_used = serializers.FloatField(allow_null=True, help_text="fraction of our request budget in its window")


class ExchangeSerializer(serializers.Serializer):
    """One exchange."""

    id = serializers.CharField(help_text="ccxt id")
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    status = serializers.CharField()
    status_reason = serializers.CharField(allow_blank=True)
    clock_offset_ms = serializers.IntegerField(help_text="its clock minus ours, smoothed")
    markets_loaded_at = serializers.DateTimeField(allow_null=True)
    guards = GuardsSerializer()
    feeds = ExchangeFeedSerializer(many=True)


class FundingStatsSerializer(serializers.Serializer):
    """What settled fundings come to, per hour; null: too few to tell."""

    count = serializers.IntegerField()
    interval_hours = serializers.FloatField(allow_null=True)
    mean_hourly = serializers.FloatField(allow_null=True)
    std_hourly = serializers.FloatField(allow_null=True)
    mean_8h = serializers.FloatField(allow_null=True, help_text="the mean as a rate per eight hours")
    std_8h = serializers.FloatField(allow_null=True)


class SpreadStatsSerializer(serializers.Serializer):
    """Per hour what the short leg received less what the long leg paid; null: too few points to tell."""

    points = serializers.IntegerField()
    step_hours = serializers.FloatField(allow_null=True)
    mean_hourly = serializers.FloatField(allow_null=True)
    std_hourly = serializers.FloatField(allow_null=True)
    phi = serializers.FloatField(allow_null=True, help_text="the part of a deviation that is left one step later")
    half_life_hours = serializers.FloatField(
        allow_null=True, help_text="in which half of a deviation is gone; null: it does not return to its mean"
    )


class FundingHistorySerializer(serializers.Serializer):
    """What one perpetual really paid."""

    market_id = serializers.IntegerField()
    exchange = serializers.CharField()
    symbol = serializers.CharField()
    source = serializers.ChoiceField(choices=[source.value for source in DataSource])  # type: ignore[assignment]
    age = serializers.FloatField(help_text="seconds since its settlements were last read")
    stats = FundingStatsSerializer()
    results = SettledSerializer(many=True)


class FundingSpreadSerializer(serializers.Serializer):
    """How what two perpetuals paid differed."""

    long = serializers.IntegerField()
    short = serializers.IntegerField()
    stats = SpreadStatsSerializer()
