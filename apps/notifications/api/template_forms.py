"""Templates in the API: what operators send and what they see."""

from typing import ClassVar

from rest_framework import serializers

from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import Markup
from apps.notifications.models import Template
from apps.notifications.templating.variables import TYPE_NAMES, VARIABLES_MAX


class VariableSerializer(serializers.Serializer):
    """A declared variable."""

    name = serializers.CharField(max_length=40)
    type = serializers.ChoiceField(choices=TYPE_NAMES)
    required = serializers.BooleanField(required=False)  # type: ignore[assignment]
    format = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="CLDR pattern of a number, currency of money, style of a datetime",
    )
    example = serializers.JSONField(help_text="a value of the type; the words are tried with it")
    items = serializers.JSONField(required=False, help_text="of a list: a type, or types by the name of each field")
    description = serializers.CharField(required=False, allow_blank=True)


class TemplateRequest(serializers.Serializer):
    """New words: a new version of that name, channel and locale."""

    name = serializers.RegexField(r"^[a-z][a-z0-9_.-]{0,79}$", help_text="what messages are sent under")
    channel = serializers.CharField(
        max_length=32, default="", allow_blank=True, help_text="empty: every channel without its own"
    )
    locale = serializers.RegexField(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$", max_length=16, default="en")
    variant = serializers.RegexField(r"^[A-Za-z0-9_-]{0,16}$", default="", allow_blank=True)
    weight = serializers.IntegerField(min_value=0, max_value=1000, default=100, help_text="against the other variants'")
    markup = serializers.ChoiceField(
        choices=Markup.choices, required=False, help_text="default: as before, else what the channel takes"
    )
    variables = serializers.ListField(
        child=VariableSerializer(), max_length=VARIABLES_MAX, required=False, help_text="default: as before"
    )
    subject = serializers.CharField(default="", allow_blank=True, trim_whitespace=False, max_length=2000)
    body = serializers.CharField(trim_whitespace=False, max_length=20_000)
    active = serializers.BooleanField(default=True, help_text="whether it is used from now on")

    def validate_channel(self, name: str) -> str:
        """One of those there are."""
        if name and name not in CHANNELS.names():
            raise serializers.ValidationError(f"There is no such channel. Use one of {', '.join(CHANNELS.names())}.")
        return name


class TemplateChange(serializers.Serializer):
    """What of a version can change; its words can't."""

    active = serializers.BooleanField(required=False, help_text="true: use this version, also an older one (roll back)")
    weight = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class TemplateSerializer(serializers.ModelSerializer):
    """One version."""

    created_by = serializers.UUIDField(source="created_by_id", allow_null=True, read_only=True)
    variables = VariableSerializer(many=True, read_only=True)
    pins = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="ids of the versions of the templates it refers to"
    )

    class Meta:
        model = Template
        fields: ClassVar[tuple[str, ...]] = (
            "id", "name", "channel", "locale", "version", "variant", "weight", "active", "markup", "variables",
            "subject", "body", "pins", "created_at", "created_by",
        )  # fmt: skip
        read_only_fields = fields


class PreviewRequest(serializers.Serializer):
    """What to fill the words with; the examples of the variables by default."""

    facts = serializers.DictField(required=False)
    locale = serializers.CharField(max_length=16, default="", allow_blank=True, help_text="the reader's")
    timezone = serializers.CharField(max_length=64, default="UTC", help_text="the reader's (IANA)")


class PreviewSerializer(serializers.Serializer):
    """How it would arrive on one channel."""

    channel = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    length = serializers.IntegerField(help_text="in UTF-16 units, of JSON in bytes")
    full_length = serializers.IntegerField(help_text="before anything is cut")
    limit = serializers.IntegerField()
    lost = serializers.CharField(help_text="what would be cut")
    error = serializers.CharField(help_text="why there would be no message")


class StatisticsSerializer(serializers.Serializer):
    """What became of one version's messages and what readers said of them."""

    template_id = serializers.IntegerField()
    version = serializers.IntegerField()
    variant = serializers.CharField()
    weight = serializers.IntegerField()
    active = serializers.BooleanField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    useful = serializers.IntegerField()
    not_useful = serializers.IntegerField()
    useful_rate = serializers.FloatField(allow_null=True, help_text="useful / delivered")
