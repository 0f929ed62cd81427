"""What callers send, checked field by field; a field that nobody knows is an error and not silently left out."""

import re
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.core import clock
from apps.core.api.strict import StrictMixin
from apps.opportunities.automation import automation_counting
from apps.opportunities.categories import NAMES
from apps.opportunities.enums import Automation, FeedbackState, Focus, IgnoredBecause, OpportunityKind, Risk
from apps.opportunities.hours import in_hours
from apps.opportunities.models import Preferences, PreferencesVersion
from apps.opportunities.strategies.registry import strategies

LIST_MAX = 100
# An asset, or ccxt's BASE/QUOTE[:SETTLE[-EXPIRY…]].
_SYMBOL = re.compile(r"^[^\s/:]{1,30}(/[^\s/:]{1,30}(:[^\s/:]{1,40})?)?$")


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
    """What the list shows to you, empty lists leave nothing out; and how you trade."""

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
        help_text="mix the list of arbitrage and technical signals, half and half or more of one; empty: by score. "
        "Messages tell of technical signals of the house only with hybrid, technical or the kind technical",
    )
    trading_from = serializers.TimeField(
        allow_null=True, required=False, help_text="by the clocks of your time zone (users/profile); null: all day"
    )
    trading_to = serializers.TimeField(allow_null=True, required=False)
    trading_days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        max_length=7,
        required=False,
        help_text="ISO days on which trading hours begin (Monday is 1); empty: all",
    )
    max_leverage = serializers.DecimalField(
        5,
        2,
        min_value=Decimal(1),
        max_value=Decimal(125),
        required=False,
        normalize_output=True,
        help_text="1 is without borrowed money; at most what a perpetual of your exchanges is listed with",
    )
    automation_counting = serializers.SerializerMethodField(
        help_text="what counts of `automation` now: no more than your tier opens"
    )
    trading_now = serializers.SerializerMethodField(help_text="whether this moment is in your trading hours")

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
            "experience",
            "automation",
            "automation_counting",
            "automation_scope",
            "trading_from",
            "trading_to",
            "trading_days",
            "trading_now",
            "max_leverage",
            "updated_at",
        )
        read_only_fields = ("updated_at",)

    def get_automation_counting(self, preferences: Preferences) -> Automation:
        """Less than was chosen where the tier has fallen."""
        return automation_counting(preferences.user, preferences.automation)

    def get_trading_now(self, preferences: Preferences) -> bool:
        """By the clocks of the person's own time zone."""
        return in_hours(
            clock.now(),
            timezone=preferences.user.timezone,
            starts=preferences.trading_from,
            ends=preferences.trading_to,
            days=preferences.trading_days,
        )

    def validate_exchanges(self, names: list[str]) -> list[str]:
        """Only those that are read."""
        return exchanges_checked(names)

    def validate_symbols(self, names: list[str]) -> list[str]:
        """Without doubles, each in a form that ccxt knows."""
        bad = [name for name in names if not _SYMBOL.match(name)]
        if bad:
            raise serializers.ValidationError(
                f"Not a ccxt symbol: {', '.join(bad[:5])}. Write BTC/USDT, BTC/USDT:USDT for a perpetual, or an asset."
            )
        return list(dict.fromkeys(names))

    def validate_trading_days(self, days: list[int]) -> list[int]:
        """Each once, in order."""
        return sorted(set(days))

    def validate_min_net_edge(self, edge: Decimal | None) -> Decimal | None:
        """A fraction, not percent."""
        if edge is not None and not 0 <= edge <= 1:
            raise serializers.ValidationError("Use a fraction of notional from 0 to 1: 0.001 is 0.1 %.")
        return edge

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both ends of the trading hours or none, and not the same."""
        now: Preferences | None = self.instance
        starts, ends = (attrs.get(name, getattr(now, name, None)) for name in ("trading_from", "trading_to"))
        if (starts is None) is not (ends is None):
            missing = "trading_to" if ends is None else "trading_from"
            raise serializers.ValidationError({missing: "Hours have a beginning and an end; null both for none."})
        if starts is not None and starts == ends:
            raise serializers.ValidationError({"trading_to": "Hours end at another time than they begin."})
        return attrs


class PresetSerializer(serializers.Serializer):
    """Preferences that fit together."""

    name = serializers.CharField()
    words = serializers.CharField(help_text="what it does")
    wishes = serializers.DictField(help_text="the preferences that it sets; the others stay")


class VersionSerializer(serializers.ModelSerializer):
    """What your preferences were from a moment on, and what had changed."""

    wishes = serializers.DictField(read_only=True, help_text="every preference by its name")
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        read_only=True,
        help_text="by name: what it was and what it became",
    )
    by_you = serializers.SerializerMethodField(help_text="whether you changed it yourself, and no operator")

    class Meta:
        model = PreferencesVersion
        fields = ("number", "at", "reason", "by_you", "changes", "wishes")
        read_only_fields = ("number", "at", "reason")

    def get_by_you(self, version: PreferencesVersion) -> bool:
        """The state before the first change is nobody else's."""
        return version.number == 1 or version.changed_by_id == version.user_id
