"""What the health endpoints answer."""

from typing import get_args

from rest_framework import serializers

from apps.core.health import HealthState
from apps.markets.enums import FeedState, SnapshotKind

STATES = get_args(HealthState)


class HealthSerializer(serializers.Serializer):
    """The short answer."""

    status = serializers.ChoiceField(choices=STATES, help_text="healthy or unhealthy")


class CheckSerializer(serializers.Serializer):
    """One part."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField(allow_blank=True, help_text="in words, where it is not healthy")
    details = serializers.DictField(required=False, help_text="figures, for operators only")


class FeedSerializer(serializers.Serializer):
    """What one exchange's data of one kind is like."""

    exchange = serializers.CharField()
    kind = serializers.CharField(help_text=f"one of {', '.join(SnapshotKind)}")
    state = serializers.ChoiceField(choices=FeedState.choices)
    reason = serializers.CharField(allow_blank=True)
    age_s = serializers.FloatField(allow_null=True, help_text="seconds since its last usable answer")
    since = serializers.DateTimeField(help_text="when this state began")


class DetailedHealthSerializer(serializers.Serializer):
    """The status page."""

    status = serializers.ChoiceField(choices=STATES)
    origin = serializers.CharField(help_text="live, sandbox or replay")
    checked_at = serializers.DateTimeField()
    checks = CheckSerializer(many=True)
    feeds = FeedSerializer(many=True)
