"""Query parameters of answers that are about time; what is wrong with one is told back as a field error."""

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from apps.core import clock
from apps.markets.candles.timeframes import KEPT, TIMEFRAMES

DAYS_MAX = 90


class HistoryParams(serializers.Serializer):
    """The span of a history: `days` back from now, or from `since` (included) until `until` (excluded, default now)."""

    days = serializers.IntegerField(min_value=1, max_value=DAYS_MAX, default=30, help_text="Back from `until`.")
    since = serializers.DateTimeField(required=False, help_text="Instead of `days`: from this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Until before this moment; default now.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With both ends filled in."""
        until: datetime = attrs.setdefault("until", clock.now())
        try:
            since: datetime = attrs.setdefault("since", until - timedelta(days=attrs["days"]))
        except OverflowError:
            raise serializers.ValidationError({"until": "There is nothing before that."}) from None
        if not timedelta(0) < until - since <= timedelta(days=DAYS_MAX):
            raise serializers.ValidationError({"since": f"Use a moment before `until`, at most {DAYS_MAX} days."})
        return attrs


class SpreadParams(serializers.Serializer):
    """The two perpetuals between whose settled rates the spread is measured."""

    long = serializers.IntegerField(min_value=1, help_text="id of the perpetual that would be bought")
    short = serializers.IntegerField(min_value=1, help_text="id of the perpetual that would be sold")
    days = serializers.IntegerField(min_value=1, max_value=DAYS_MAX, default=30)


class NetworksParams(serializers.Serializer):
    """Whose networks."""

    exchange = serializers.CharField(max_length=40, help_text="ccxt id of the exchange")
    currency = serializers.CharField(max_length=40, default="", help_text="Only this currency (ccxt unified code).")


class CandlesParams(serializers.Serializer):
    """Which market's candles, how long each, and how many at most."""

    exchange = serializers.CharField(max_length=40, help_text="ccxt id of the exchange")
    symbol = serializers.CharField(max_length=80, help_text="ccxt unified symbol")
    timeframe = serializers.ChoiceField(choices=list(TIMEFRAMES), default="1m")
    limit = serializers.IntegerField(min_value=1, max_value=KEPT, default=200, help_text="The newest so many.")
