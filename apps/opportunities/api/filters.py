"""How the list can be narrowed and ordered; anything else is told back as a field error."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.opportunities.enums import OpportunityKind
from apps.opportunities.models import Opportunity


class OpportunityFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Query parameters of the list."""

    kind = django_filters.ChoiceFilter(choices=OpportunityKind.choices, help_text="Only this kind.")
    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=80, help_text="Only this unified symbol.")
    exchange = django_filters.CharFilter(
        method="with_leg_on", max_length=40, help_text="Only with a leg on this exchange (ccxt id)."
    )
    min_net_edge = django_filters.NumberFilter(
        field_name="net_edge", lookup_expr="gte", help_text="Only with at least this net edge, as a fraction (0.001)."
    )

    class Meta:
        model = Opportunity
        fields = ("kind", "symbol", "exchange", "min_net_edge")

    def with_leg_on(self, queryset: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        """Two-legged kinds have their exchanges in legs 0 and 1; a cycle has all its legs on one exchange.

        Spelled by position because SQLite can't look for a member of a JSON list.
        """
        return queryset.filter(Q(**{f"legs__0__{name}": value}) | Q(**{f"legs__1__{name}": value}))


class OpportunityOrdering(OrderingFilter):
    """`ordering` from a closed list; ties are broken by id so that pages never overlap."""

    ordering_param = "ordering"
    allowed = ("score", "net_edge", "profit", "activated_at", "expires_at")
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
        """Left to the cursor, which has to know the order it pages by."""
        return queryset

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameter in the OpenAPI document."""
        names = [name for field in self.allowed for name in (field, f"-{field}")]
        return [
            {
                "name": self.ordering_param,
                "in": "query",
                "required": False,
                "description": "Order of the list; `-` is descending.",
                "schema": {"type": "string", "enum": names, "default": self.default},
            }
        ]
