"""What callers send about their exchange keys, and what they see of them."""

from rest_framework import serializers

from apps.accounts.key_forms import FORMS, LONGEST
from apps.accounts.models import ExchangeKey
from apps.core.api.strict import StrictMixin


class ExchangeKeyRequest(StrictMixin, serializers.Serializer):
    """A new key."""

    exchange = serializers.ChoiceField(choices=sorted(FORMS))
    credentials = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST, trim_whitespace=False),
        allow_empty=False,
        write_only=True,
        help_text="apiKey and secret; password (the phrase) too for bitget, kucoin and okx",
    )
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=80, required=False, allow_blank=True, default=""
    )


class ExchangeKeyChange(StrictMixin, serializers.Serializer):
    """What may be changed of a key."""

    label = serializers.CharField(max_length=80, required=False, allow_blank=True)  # type: ignore[assignment]


class ExchangeKeySerializer(serializers.ModelSerializer):
    """One of the caller's keys."""

    class Meta:
        model = ExchangeKey
        fields = (
            "id",
            "exchange",
            "label",
            "shown",
            "state",
            "rights",
            "code",
            "reason",
            "created_at",
            "checked_at",
            "next_check_at",
        )
        read_only_fields = fields
