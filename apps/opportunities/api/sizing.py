"""What an opportunity comes to at the caller's own size."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.opportunities.api.taking import Conflict, pending
from apps.opportunities.api.views import visible_or_404
from apps.opportunities.exceptions import BooksPending, ExecutionRefused, OpportunityOver
from apps.opportunities.legs import plain

if TYPE_CHECKING:
    from apps.opportunities import services
    from apps.opportunities.services import Sized
else:
    services = later("apps.opportunities.services")


class SizeThrottle(HouseThrottle):
    """Each answer reads order books."""

    name = "opportunity-size"
    limits = (Limit(count=20, seconds=10),)


class SizeRequest(serializers.Serializer):
    """The query parameters."""

    notional = serializers.DecimalField(max_digits=20, decimal_places=4, min_value=Decimal(1))
    leverage = serializers.DecimalField(
        max_digits=7, decimal_places=4, min_value=Decimal(1), max_value=Decimal(125), required=False
    )


class LiquidationSerializer(serializers.Serializer):
    """Where one perpetual leg would be closed by force: isolated margin, the smallest bracket."""

    exchange = serializers.CharField()
    symbol = serializers.CharField()
    leverage = serializers.CharField(help_text="what was asked for, or the exchange's highest where that is less")
    price = serializers.CharField()
    distance = serializers.CharField(help_text="from the entry price, as a fraction of it")
    maintenance = serializers.CharField(help_text="maintenance margin, a fraction of the position's value")
    assumed = serializers.BooleanField(help_text="the exchange tells no highest leverage; 20 is assumed")


class SizedSerializer(serializers.Serializer):
    """What the books of this moment give. Decimals are strings."""

    asked = serializers.CharField(help_text="dollars")
    size = serializers.CharField(help_text="dollars that the books hold of that, in whole lots")
    filled = serializers.CharField(help_text="the part of what was asked")
    gross_edge = serializers.CharField(help_text="fraction of notional")
    net_edge = serializers.CharField(help_text="fraction of notional; below zero it is a loss")
    profit = serializers.CharField(help_text="in quote currency")
    optimal_notional = serializers.CharField(help_text="dollars up to which each further unit earns")
    max_notional = serializers.CharField(help_text="dollars at which the profit is gone, or where the books end")
    prices = serializers.ListField(child=serializers.CharField(), help_text="volume-weighted, of each leg as listed")
    amounts = serializers.ListField(child=serializers.CharField(), help_text="of each leg, in base units as listed")
    net_apr = serializers.CharField(allow_null=True, help_text="a year on one leg's notional; null for what isn't held")
    net_apr_on_capital = serializers.CharField(allow_null=True, help_text="a year on the margin of both legs")
    liquidation = LiquidationSerializer(many=True, help_text="of each perpetual leg; empty without any")

    def to_representation(self, sized: Sized) -> dict[str, Any]:
        """Every figure as text, never with an exponent."""
        priced = sized.priced
        return {
            "asked": plain(sized.asked),
            "size": plain(priced.size),
            "filled": plain(sized.filled, digits=8),
            "gross_edge": plain(priced.edges.gross),
            "net_edge": plain(priced.edges.net),
            "profit": plain(priced.edges.profit),
            "optimal_notional": plain(priced.optimal_notional),
            "max_notional": plain(priced.max_notional),
            "prices": [plain(price, digits=12) for price in priced.prices],
            "amounts": [plain(amount, digits=12) for amount in priced.amounts],
            "net_apr": None if priced.edges.net_apr is None else plain(priced.edges.net_apr),
            "net_apr_on_capital": sized.leveraged.get("net_apr_on_capital"),
            "liquidation": sized.leveraged.get("liquidation", []),
        }


_SIZE: dict[str, Any] = {
    "operation_id": "opportunities_size_retrieve",
    "tags": ["opportunities"],
    "summary": "What it comes to at a size of one's own, on the books of this moment",
    "parameters": [
        ORIGIN_HEADER,
        OpenApiParameter("notional", OpenApiTypes.DECIMAL, required=True, description="Dollars, at least 1."),
        OpenApiParameter(
            "leverage",
            OpenApiTypes.DECIMAL,
            description="Of perpetual legs, 1 to 125; default: `opportunities.leverage`. What they and borrowed money "
            "cost beyond fundings and fees is told by no exchange in public, and not counted.",
        ),
        OpenApiParameter(
            "Retry-After",
            OpenApiTypes.INT,
            OpenApiParameter.HEADER,
            response=[202],
            description="Seconds after which to ask again.",
        ),
    ],
    "responses": {
        200: SizedSerializer,
        202: None,
        **error_response(400, "invalid", "The request has errors."),
        **error_response(401, "token_expired", "This token has expired."),
        **error_response(404, "opportunity_not_found", "There is no such opportunity."),
        **error_response(409, "opportunity_over", "This opportunity is over."),
        **error_response(429, "throttled", "Request was throttled. Expected available in 4 seconds."),
    },
}


@extend_schema_view(get=extend_schema(**_SIZE))
class Size(OriginHeaderMixin, APIView):
    """What the order books of this moment give for the caller's size, which may be a loss."""

    permission_classes = (IsAuthenticated,)
    throttle_classes = (SizeThrottle,)

    def get(self, request: Request, id: Any) -> Response:
        """200 with the figures; 202 while order books are fetched, 409 where they can't tell."""
        opportunity = visible_or_404(request, id)
        form = SizeRequest(data=request.query_params)
        form.is_valid(raise_exception=True)
        try:
            sized = services.opportunity_sized(opportunity=opportunity, now=clock.now(), **form.validated_data)
        except BooksPending as error:
            return pending(error)
        except (OpportunityOver, ExecutionRefused) as error:
            raise Conflict(error.message, code=error.code) from error
        return Response(SizedSerializer(sized).data, status=status.HTTP_200_OK)
