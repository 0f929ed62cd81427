"""What callers send about their groups, and what they see of decisions."""

from decimal import Decimal
from math import isfinite
from typing import Any

from rest_framework import serializers

from apps.core.api.strict import StrictMixin
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution, Group
from apps.distribution.rules import WORDS
from apps.notifications.channels.registry import CHANNELS
from apps.opportunities.enums import OpportunityKind

DAYS_MAX = 90
LIST_MAX = 100


def _kinds() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=OpportunityKind.choices),
        max_length=LIST_MAX,
        required=False,
        help_text="empty: all",
    )


def _edge() -> serializers.DecimalField:
    return serializers.DecimalField(
        15,
        8,
        min_value=Decimal(0),
        max_value=Decimal(1),
        required=False,
        allow_null=True,
        help_text="a fraction of notional; judges what promises an edge",
    )


class StrengthField(serializers.FloatField):
    """From 0 to 1; NaN, which no bound refuses, is none."""

    def __init__(self, **more: Any) -> None:
        super().__init__(min_value=0, max_value=1, help_text="from 0 to 1; judges technical signals", **more)

    def to_internal_value(self, data: Any) -> float:
        """Refuse what is not finite."""
        value = super().to_internal_value(data)
        if not isfinite(value):
            self.fail("invalid")
        return value


class GroupRequest(StrictMixin, serializers.Serializer):
    """A group to be told: its address as that of an endpoint, and what for."""

    name = serializers.CharField(max_length=80)
    channel = serializers.ChoiceField(choices=CHANNELS.names(), help_text="see notifications/channels")
    address = serializers.CharField(max_length=4000, help_text="a Telegram group's id, a channel's webhook URL …")
    credentials = serializers.DictField(
        child=serializers.CharField(max_length=4000, trim_whitespace=False),
        required=False,
        help_text="what the channel needs besides the address; see notifications/channels",
    )
    kinds = _kinds()
    min_net_edge = _edge()
    min_strength = StrengthField(required=False, allow_null=True)


class GroupChange(StrictMixin, serializers.Serializer):
    """What may be changed; another address is another group."""

    name = serializers.CharField(max_length=80, required=False)
    kinds = _kinds()
    min_net_edge = _edge()
    min_strength = StrengthField(required=False, allow_null=True)
    active = serializers.BooleanField(required=False)


class AlertGroupSerializer(serializers.ModelSerializer):
    """One of the caller's groups. Give the code that arrives there to `notifications/endpoints/{endpoint}/verify`."""

    channel = serializers.CharField(source="endpoint.channel", read_only=True)
    endpoint = serializers.UUIDField(source="endpoint_id", read_only=True, help_text="see notifications/endpoints")
    usable = serializers.BooleanField(source="endpoint.usable", read_only=True, help_text="confirmed and not off")

    class Meta:
        model = Group
        fields = (
            "id", "name", "channel", "endpoint", "usable", "kinds", "min_net_edge", "min_strength", "active",
            "created_at",
        )  # fmt: skip


class DecisionSerializer(serializers.ModelSerializer):
    """What was decided about one opportunity and the caller, or one of their groups."""

    opportunity = serializers.UUIDField(source="opportunity_id")
    group = serializers.UUIDField(source="group_id", allow_null=True, help_text="null: in person, or a former group")
    notification = serializers.UUIDField(source="notification_id", allow_null=True, help_text="see notifications")
    words = serializers.SerializerMethodField(help_text="the reason as a sentence")

    class Meta:
        model = Distribution
        fields = (
            "opportunity", "kind", "group", "state", "reason", "words", "due_at", "decided_at", "notification",
        )  # fmt: skip

    def get_words(self, decision: Distribution) -> str:
        """Why; empty where it was told."""
        return WORDS[Reason(decision.reason)] if decision.reason else ""


class DecisionQuery(StrictMixin, serializers.Serializer):
    """How the list of decisions can be narrowed."""

    opportunity = serializers.UUIDField(required=False)
    group = serializers.UUIDField(required=False, help_text="one of the caller's groups; without it all")
    state = serializers.ChoiceField(choices=DistributionState.choices, required=False)
    reason = serializers.ChoiceField(choices=Reason.choices, required=False)


class StatisticsQuery(StrictMixin, serializers.Serializer):
    """Of what statistics are."""

    days = serializers.IntegerField(min_value=1, max_value=DAYS_MAX, default=7, help_text="how far they look back")
    group = serializers.UUIDField(required=False, help_text="one of the caller's groups instead of the caller")


class SpreadSerializer(serializers.Serializer):
    """Durations in seconds; null where there are none."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)


class DistributionStatisticsSerializer(serializers.Serializer):
    """What became of decisions and messages, counted at `as_of`."""

    as_of = serializers.DateTimeField(help_text="at most 15 s ago")
    since = serializers.DateTimeField(allow_null=True)
    told = serializers.IntegerField()
    scheduled = serializers.IntegerField(help_text="waiting for the tier's delay")
    dropped = serializers.IntegerField(help_text="over before their time came")
    refused = serializers.DictField(child=serializers.IntegerField(), help_text="how many for each reason")
    messages = serializers.DictField(child=serializers.IntegerField(), help_text="how many in each state")
    told_after = SpreadSerializer(help_text="from the moment when the tier may know to the decision")
    delivered_after = SpreadSerializer(help_text="from that moment to the provider's answer")
