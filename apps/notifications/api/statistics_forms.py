"""Statistics of deliveries in the API: what is asked and what is answered."""

from datetime import timedelta
from typing import Any, Final

from rest_framework import serializers

from apps.core import clock
from apps.core.api.strict import StrictMixin
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.statistics.categories import Trouble
from apps.notifications.statistics.report import Span, Step
from apps.notifications.statistics.spread import Spread

SCOPES: Final = ("own", "all")
_SHARES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


class DeliveryStatisticsQuery(StrictMixin, serializers.Serializer):
    """Of which deliveries, and of when."""

    scope = serializers.ChoiceField(
        choices=SCOPES, required=False, help_text="Everybody's is for administrators, and their default."
    )
    since = serializers.DateTimeField(required=False, help_text="Default: a day before `until`, in steps of days 30.")
    until = serializers.DateTimeField(required=False, help_text="Default: now.")
    bucket = serializers.ChoiceField(
        choices=[step.value for step in Step],
        default=Step.HOUR.value,
        help_text="How long each point of the series is, in UTC; hours reach over at most 7 days, days over 92.",
    )
    channel = serializers.CharField(max_length=32, required=False)
    provider = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="A host.")
    template = serializers.CharField(max_length=80, required=False, help_text="A name.")

    def validate_channel(self, name: str) -> str:
        """One of those there are."""
        if name not in CHANNELS.names():
            raise serializers.ValidationError(f"There is no such channel. Use one of {', '.join(CHANNELS.names())}.")
        return name

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Adds the `span`, in whole steps."""
        step = Step(attrs.pop("bucket"))
        until = attrs.pop("until", None) or clock.now()
        try:
            since = attrs.pop("since", None) or until - timedelta(days=1 if step is Step.HOUR else 30)
            attrs["span"] = span = Span.around(since, until, step)
            _ = span.before
        except OverflowError:
            raise serializers.ValidationError({"since": "There are no such times."}) from None
        if not timedelta(0) < until - since <= step.span_max:
            days = step.span_max.days
            raise serializers.ValidationError({"since": f"Use a moment before `until`, at most {days} days."})
        return attrs


class DurationsSerializer(serializers.Serializer):
    """Milliseconds; null where there are none. Least, mean and most are exact, percentiles within 1 %."""

    count = serializers.IntegerField()
    min_ms = serializers.FloatField(allow_null=True)
    mean_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    max_ms = serializers.FloatField(allow_null=True)

    def to_representation(self, instance: Spread) -> dict[str, Any]:
        """A spread in numbers."""
        percentiles = zip(_SHARES, instance.percentiles_us(*_SHARES.values()), strict=True)
        exact = {"min_ms": instance.min_us, "mean_ms": instance.mean_us, "max_ms": instance.max_us}
        named = exact | dict(percentiles)
        return {"count": instance.count} | {name: _ms(named[name]) for name in list(self.fields)[1:]}


class CellSerializer(serializers.Serializer):
    """What became of deliveries whose messages ended in a span."""

    deliveries = serializers.IntegerField(help_text="that ended; a message that falls back has several")
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="another endpoint took over")
    dead = serializers.IntegerField(help_text="nobody took over")
    expired = serializers.IntegerField()
    retried = serializers.IntegerField(help_text="took more than one try")
    attempts = serializers.IntegerField(help_text="tries")
    attempts_mean = serializers.FloatField(allow_null=True, help_text="tries per delivery")
    success_rate = serializers.FloatField(allow_null=True, help_text="delivered / deliveries, 0 to 1")
    latency = DurationsSerializer(help_text="from when a message was due (created, or its `send_at`) to its delivery")
    calls = DurationsSerializer(help_text="how long tries took")


class ComparedSerializer(serializers.Serializer):
    """A span and the equal one before it."""

    now = CellSerializer()
    before = CellSerializer()


class NamedSerializer(ComparedSerializer):
    """The same of one channel, provider or template."""

    name = serializers.CharField(help_text="of providers a host; empty where no try came so far")


class TroubleSerializer(serializers.Serializer):
    """One kind of trouble."""

    trouble = serializers.ChoiceField(choices=[trouble.value for trouble in Trouble])
    count = serializers.IntegerField()
    before = serializers.IntegerField(help_text="in the equal span before")
    share = serializers.FloatField(help_text="of all trouble in the span")
    codes = serializers.DictField(child=serializers.IntegerField(), help_text="the most frequent codes")


class PointSerializer(serializers.Serializer):
    """One step of the series."""

    at = serializers.DateTimeField(help_text="its beginning")
    counted = CellSerializer()


class DeliveryStatisticsSerializer(serializers.Serializer):
    """What became of deliveries."""

    scope = serializers.ChoiceField(choices=SCOPES)
    since = serializers.DateTimeField(source="span.since")
    until = serializers.DateTimeField(source="span.until")
    bucket = serializers.CharField(source="span.step")
    as_of = serializers.DateTimeField(allow_null=True, help_text="what ended later is not counted yet")
    total = ComparedSerializer()
    channels = NamedSerializer(many=True)
    providers = NamedSerializer(many=True, help_text="at most 50")
    templates = NamedSerializer(many=True, help_text="at most 50")
    series = PointSerializer(many=True, help_text="every step, those without anything too")
    reasons = TroubleSerializer(many=True, help_text="why deliveries came to nothing")
    errors = TroubleSerializer(many=True, help_text="why tries did")  # type: ignore[assignment]


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 3)
