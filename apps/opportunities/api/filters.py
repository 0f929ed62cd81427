"""How the list can be narrowed and ordered; anything else is told back as a field error."""

from typing import TYPE_CHECKING, Any

import django_filters
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.core.later import later
from apps.opportunities import categories
from apps.opportunities.enums import Focus, OpportunityKind, Risk
from apps.opportunities.models import Opportunity
from apps.opportunities.wishes import every_leg_on, preferred

if TYPE_CHECKING:
    from apps.opportunities import selectors
else:
    selectors = later("apps.opportunities.selectors")

FLAG = (("true", "yes"), ("false", "no"))
NAMES_MAX = 20


class NamesFilter(django_filters.BaseInFilter, django_filters.CharFilter):  # type: ignore[misc]
    """Names, separated by commas."""


def _at_least(field: str, words: str) -> django_filters.NumberFilter:
    return django_filters.NumberFilter(field_name=field, lookup_expr="gte", help_text=words)


class OpportunityFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Query parameters of the list."""

    kind = django_filters.ChoiceFilter(choices=OpportunityKind.choices, help_text="Only this kind.")
    category = django_filters.ChoiceFilter(
        method="in_category",
        choices=[(category.name, category.title) for category in categories.CATEGORIES],
        help_text="Only what belongs to this category (`opportunities/categories` describes them).",
    )
    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=80, help_text="Only this unified symbol.")
    instrument = django_filters.CharFilter(lookup_expr="iexact", max_length=40, help_text="Only this asset (BTC).")
    quote = django_filters.CharFilter(lookup_expr="iexact", max_length=40, help_text="Only with figures in this money.")
    exchange = django_filters.CharFilter(
        method="with_leg_on", max_length=40, help_text="Only with a leg on this exchange (ccxt id)."
    )
    exchanges = NamesFilter(
        field_name="exchanges",
        method="with_every_leg_on",
        help_text="Only with every leg on one of these exchanges, separated by commas.",
    )
    min_net_edge = _at_least("net_edge", "Only with at least this net edge, as a fraction (0.001).")
    min_strength = _at_least("strength", "Only signals of at least this strength, from 0 to 1.")
    min_profit = _at_least("profit", "Only with at least this profit, in the money of its figures.")
    min_size = _at_least("size", "Only with at least this size, in dollars.")
    min_confidence = _at_least("confidence", "Only with at least this confidence, from 0 to 1.")
    max_risk = django_filters.ChoiceFilter(method="not_riskier", choices=Risk.choices, help_text="Nothing riskier.")
    premium = django_filters.ChoiceFilter(
        method="premium_picks",
        choices=FLAG,
        help_text=f"`true`: {categories.PREMIUM.words} Needs the premium tier.",
    )
    personal = django_filters.ChoiceFilter(
        method="on_own_exchanges",
        choices=FLAG,
        help_text="`true`: only with every leg on one of your own exchanges (`users/preferences`).",
    )
    mix = django_filters.ChoiceFilter(
        method="mixed",
        choices=Focus.choices,
        help_text="Arbitrage and technical signals in one list, each best first: half and half (`hybrid`) or more of "
        "one. Without it and without `ordering` your `focus` (`users/preferences`) decides.",
    )
    preferences = django_filters.ChoiceFilter(
        method="as_preferred",
        choices=FLAG,
        help_text="Your preferences (`users/preferences`) narrow the list unless this is `false`.",
    )

    class Meta:
        model = Opportunity
        fields = (
            "kind", "category", "symbol", "instrument", "quote", "exchange", "exchanges", "min_net_edge",
            "min_strength", "min_profit", "min_size", "min_confidence", "max_risk", "premium", "personal", "mix",
            "preferences",
        )  # fmt: skip

    def with_leg_on(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Two-legged kinds have their exchanges in legs 0 and 1; a cycle has all its legs on one exchange.

        Spelled by position because SQLite can't look for a member of a JSON list.
        """
        return queryset.filter(Q(**{f"legs__0__{name}": value}) | Q(**{f"legs__1__{name}": value}))

    def with_every_leg_on(self, queryset: QuerySet[Opportunity], name: str, value: list[str]) -> QuerySet[Opportunity]:
        """Every leg on one of them."""
        if len(value) > NAMES_MAX:
            raise ValidationError({name: f"Use at most {NAMES_MAX} names."})
        return queryset.filter(every_leg_on(value))

    def in_category(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """One category."""
        return queryset.filter(categories.in_any([value]))

    def not_riskier(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """This risk or less."""
        return queryset.filter(risk__in=Risk(value).and_below)

    def premium_picks(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Whether the caller may ask for them is the view's permission."""
        return queryset.filter(categories.PREMIUM.query()) if value == "true" else queryset

    def on_own_exchanges(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Own exchanges have to be known for that."""
        if value == "false":
            return queryset
        own = selectors.preferences_of(self.request.user).own_exchanges
        if not own:
            words = "Name your exchanges at users/preferences, or add a key at users/exchange-keys first."
            raise ValidationError({name: words})
        return queryset.filter(every_leg_on(own))

    def mixed(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Done by the list's pages: every row stays."""
        return queryset

    def as_preferred(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Done by `filter_queryset`, since it holds without the parameter as well."""
        return queryset

    def filter_queryset(self, queryset: QuerySet[Opportunity]) -> QuerySet[Opportunity]:
        """The parameters, and the caller's preferences unless they are left aside."""
        queryset = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("preferences") == "false":
            return queryset
        return queryset.filter(preferred(selectors.preferences_of(self.request.user)))


class OpportunityOrdering(OrderingFilter):
    """`ordering` from a closed list; ties are broken by id so that pages never overlap."""

    ordering_param = "ordering"
    allowed = ("score", "net_edge", "strength", "profit", "size", "confidence", "activated_at", "expires_at")
    # Signals have no edge, and nothing else a strength: ordered by one, only those that have it are listed.
    not_everybodys = ("net_edge", "strength")
    default = "-score"

    def get_ordering(self, request: Request, queryset: QuerySet[Opportunity], view: APIView) -> list[str]:
        """The fields to order by; an unknown one is a field error."""
        wanted = request.query_params.get(self.ordering_param) or self.default
        if wanted.removeprefix("-") not in self.allowed:
            raise ValidationError(
                {self.ordering_param: f"Use one of {', '.join(self.allowed)}, with - for descending."}
            )
        return [wanted, "id"]

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        """The order is left to the cursor, which has to know what it pages by; what lacks the figure has no place."""
        name = self.get_ordering(request, queryset, view)[0].removeprefix("-")
        return queryset.filter(**{f"{name}__isnull": False}) if name in self.not_everybodys else queryset

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameter in the OpenAPI document."""
        names = [name for field in self.allowed for name in (field, f"-{field}")]
        return [
            {
                "name": self.ordering_param,
                "in": "query",
                "required": False,
                "description": "Order of the list; `-` is descending. By `net_edge` or `strength` only what has one.",
                "schema": {"type": "string", "enum": names, "default": self.default},
            }
        ]
