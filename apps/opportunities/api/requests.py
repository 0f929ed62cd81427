"""What callers send, checked field by field; a field that nobody knows is an error and not silently left out."""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.core.api.strict import StrictMixin
from apps.opportunities.categories import NAMES
from apps.opportunities.enums import FeedbackState, Focus, IgnoredBecause, OpportunityKind, Risk
from apps.opportunities.models import Preferences
from apps.opportunities.strategies.registry import strategies

LIST_MAX = 100


def _names(words: str, *, length: int = 80) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=length), max_length=LIST_MAX, required=False, help_text=words
    )


def _kinds(choices: Sequence[str] = tuple(OpportunityKind.values)) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=choices), max_length=LIST_MAX, required=False, help_text="empty: all"
    )


def exchanges_checked(names: list[str]) -> list[str]:
    """The names without doubles; raises ValidationError naming those that are not read here."""
    unknown = sorted(set(names) - set(settings.EXCHANGES))
    if unknown:
        raise serializers.ValidationError(
            f"Not read here: {', '.join(unknown)}. There are {', '.join(sorted(settings.EXCHANGES))}."
        )
    return list(dict.fromkeys(names))


class FiniteField(serializers.FloatField):
    """A number; NaN, which no bound refuses, is none."""

    def to_internal_value(self, data: Any) -> float:
        """Refuse what is not finite."""
        value = super().to_internal_value(data)
        if not isfinite(value):
            self.fail("invalid")
        return value


class ScanRequest(StrictMixin, serializers.Serializer):
    """What to look for; everything may be left out."""

    exchanges = _names("every leg on one of these (ccxt ids); empty: all", length=40)
    symbols = _names("with a leg of one of these (ccxt unified symbols); empty: all")
    # A signal has no net edge, and comes of bars instead of quotes.
    kinds = _kinds(strategies.names())
    min_net_edge = FiniteField(
        min_value=0, max_value=1, required=False, help_text="fraction of notional; default: MIN_NET_EDGE"
    )
    horizon_h = FiniteField(
        min_value=1, max_value=720, required=False, help_text="hours that positions are held; default: HORIZON_H"
    )
    limit = serializers.IntegerField(min_value=1, required=False, help_text="at most the tier's list limit")

    def validate_exchanges(self, names: list[str]) -> list[str]:
        """Only those that are read."""
        return exchanges_checked(names)


class ExecuteRequest(StrictMixin, serializers.Serializer):
    """How much to take; everything may be left out."""

    notional = serializers.DecimalField(
        20, 4, min_value=Decimal("0.0001"), required=False, help_text="dollars; default: the opportunity's size"
    )
    min_net_edge = serializers.DecimalField(
        15,
        8,
        min_value=Decimal(0),
        max_value=Decimal(1),
        default=Decimal(0),
        help_text="nothing is done where the books of this moment leave no more than this, a fraction of notional",
    )


class FeedbackRequest(StrictMixin, serializers.Serializer):
    """What was done with an opportunity."""

    state = serializers.ChoiceField(choices=FeedbackState.choices)
    reason = serializers.ChoiceField(
        choices=IgnoredBecause.choices, default="", allow_blank=True, help_text="why it is ignored; only then"
    )
    note = serializers.CharField(max_length=500, default="", allow_blank=True, help_text="in your own words")


class PreferencesSerializer(StrictMixin, serializers.ModelSerializer):
    """What the list shows to you; empty lists leave nothing out."""

    kinds = _kinds()
    categories = serializers.ListField(
        child=serializers.ChoiceField(choices=NAMES),
        max_length=LIST_MAX,
        required=False,
        help_text="in one of these; empty: all",
    )
    symbols = _names("these symbols (BTC/USDT) or assets (BTC); empty: all")
    exchanges = _names("where you have accounts: `personal` opportunities are there", length=40)
    max_risk = serializers.ChoiceField(choices=Risk.choices, required=False, help_text="nothing riskier than this")

    focus = serializers.ChoiceField(
        choices=Focus.choices,
        allow_blank=True,
        required=False,
        help_text="mix the list of arbitrage and technical signals, half and half or more of one; empty: by score",
    )

    class Meta:
        model = Preferences
        fields = (
            "kinds",
            "categories",
            "symbols",
            "exchanges",
            "own_exchanges_only",
            "focus",
            "min_net_edge",
            "max_risk",
            "updated_at",
        )
        read_only_fields = ("updated_at",)

    def validate_exchanges(self, names: list[str]) -> list[str]:
        """Only those that are read."""
        return exchanges_checked(names)

    def validate_symbols(self, names: list[str]) -> list[str]:
        """Without doubles."""
        return list(dict.fromkeys(names))

    def validate_min_net_edge(self, edge: Decimal | None) -> Decimal | None:
        """A fraction, not percent."""
        if edge is not None and not 0 <= edge <= 1:
            raise serializers.ValidationError("Use a fraction of notional from 0 to 1: 0.001 is 0.1 %.")
        return edge
