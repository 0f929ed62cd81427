"""What callers send about their alert triggers, and what they see of them."""

from rest_framework import serializers

from apps.core.api.strict import StrictMixin
from apps.distribution.enums import Refusal, Silence
from apps.distribution.models import AlertFired, AlertTrigger
from apps.distribution.triggers.registry import KINDS

_DAY_S = 86_400


class _Wishes(StrictMixin, serializers.Serializer):
    """What is said of a trigger of any kind."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="said in its messages")
    cool_down_s = serializers.IntegerField(
        min_value=1,
        max_value=_DAY_S,
        required=False,
        allow_null=True,
        help_text="seconds between two messages; null: the house's",
    )
    per_hour = serializers.IntegerField(
        min_value=1, max_value=3600, required=False, allow_null=True, help_text="messages at most; null: the house's"
    )
    repeat = serializers.BooleanField(required=False, help_text="told again after each cool-down while it holds")
    enabled = serializers.BooleanField(required=False)


class AlertRequest(_Wishes):
    """A new trigger."""

    kind = serializers.ChoiceField(choices=KINDS.names(), help_text="see alerts/kinds")
    params = serializers.DictField(help_text="what the kind asks for; see alerts/kinds")


class AlertChange(_Wishes):
    """What may be changed, each where it is sent; another kind is another trigger."""

    params = serializers.DictField(required=False, help_text="all of them; see alerts/kinds")


class AlertSerializer(serializers.ModelSerializer):
    """One of the caller's triggers."""

    holds = serializers.SerializerMethodField(help_text="when it was last looked at; null: nobody knows yet")
    rests_until = serializers.DateTimeField(allow_null=True, read_only=True, help_text="until then it says nothing")
    refused_reason = serializers.ChoiceField(choices=[*Refusal.choices, ("", "")], read_only=True)

    class Meta:
        model = AlertTrigger
        fields = (
            "id", "kind", "name", "params", "cool_down_s", "per_hour", "repeat", "enabled", "holds", "rests_until",
            "fired", "last_fired_at", "refused", "refused_reason", "refused_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_holds(self, trigger: AlertTrigger) -> bool | None:
        """Of a crossing: whether the price is above."""
        return None if trigger.standing == 0 else trigger.standing > 0


class AlertFiredSerializer(serializers.ModelSerializer):
    """One time that a trigger spoke."""

    alert = serializers.UUIDField(source="trigger_id", allow_null=True, help_text="null: removed since")
    notification = serializers.UUIDField(source="notification_id", allow_null=True, help_text="see notifications")
    lines = serializers.ListField(child=serializers.CharField())
    evidence = serializers.DictField(help_text="values, and the quotes with their times, ages and sources")

    class Meta:
        model = AlertFired
        fields = (
            "id", "alert", "name", "kind", "title", "lines", "evidence", "origin", "fired_at", "notification",
        )  # fmt: skip


class AlertHistoryQuery(StrictMixin, serializers.Serializer):
    """How the history can be narrowed."""

    alert = serializers.UUIDField(required=False)


class AlertTestSerializer(serializers.Serializer):
    """What a trigger would do and say at this moment."""

    holds = serializers.BooleanField(allow_null=True, help_text="null: no usable data, or nothing that can hold")
    fires = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=[*Silence.choices, ("", "it would fire")], help_text="why not")
    title = serializers.CharField(help_text="empty: there is nothing to say")
    lines = serializers.ListField(child=serializers.CharField())
    evidence = serializers.DictField()
    age_s = serializers.IntegerField(allow_null=True, help_text="of the oldest figure")


class AlertKindSerializer(serializers.Serializer):
    """A kind of triggers, and what its parameters are."""

    kind = serializers.CharField()
    words = serializers.CharField()
    params = serializers.DictField(help_text="a JSON schema")
