"""Market data for integrators: what exchanges list and say, each row with its source and age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.core import clock, redis
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.exceptions import PermanentError, TemporaryError
from apps.core.later import later
from apps.markets.api import schema
from apps.markets.api.filters import ListedFilter, MarketFilter
from apps.markets.api.params import CandlesParams, HistoryParams, NetworksParams, SpreadParams
from apps.markets.api.rows import Row, book_row, candles_row, funding_rows, market_rows, ticker_rows
from apps.markets.api.serializers import (
    CandlesSerializer,
    ExchangeSerializer,
    FundingHistorySerializer,
    FundingRateSerializer,
    FundingSpreadSerializer,
    MarketSerializer,
    NetworksSerializer,
    OrderBookSerializer,
    TickerSerializer,
)
from apps.markets.models import Market

if TYPE_CHECKING:
    from apps.markets import access, selectors
else:
    access = later("apps.markets.access")
    selectors = later("apps.markets.selectors")


class _ById(CursorPagination):
    ordering = ("id",)


class _MarketPages(OriginHeaderMixin, generics.GenericAPIView):
    """A list with a market a row: filters, pages, and what `rows` finds for the markets of the page."""

    permission_classes = (IsAuthenticated,)
    filter_backends = (DjangoFilterBackend,)
    filterset_class = MarketFilter
    pagination_class = _ById
    queryset = Market.objects.none()

    def rows(self, markets: list[Market]) -> list[Row]:
        """One row per market, in the same order."""
        raise NotImplementedError

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        by_id = {row.get("market_id", row.get("id")): row for row in self.rows(page)}
        rows = [by_id[market.id] for market in page]
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def get_queryset(self) -> QuerySet[Market]:
        """The markets that are read."""
        return selectors.markets_read()


@extend_schema_view(get=extend_schema(**schema.MARKETS))
class MarketList(_MarketPages):
    """Everything that the configured exchanges list, delisted and unread markets too."""

    serializer_class = MarketSerializer
    filterset_class = ListedFilter

    def get_queryset(self) -> QuerySet[Market]:
        """All of them, with their quarantine."""
        return selectors.markets_listed()

    def rows(self, markets: list[Market]) -> list[Row]:
        return market_rows(markets)


@extend_schema_view(get=extend_schema(**schema.TICKERS))
class TickerList(_MarketPages):
    """Best bid and ask."""

    serializer_class = TickerSerializer

    def rows(self, markets: list[Market]) -> list[Row]:
        return list(ticker_rows(markets))


@extend_schema_view(get=extend_schema(**schema.FUNDING_RATES))
class FundingRateList(_MarketPages):
    """Predicted funding rates."""

    serializer_class = FundingRateSerializer

    def get_queryset(self) -> QuerySet[Market]:
        """Perpetuals."""
        return selectors.perpetuals_read()

    def rows(self, markets: list[Market]) -> list[Row]:
        return list(funding_rows(markets))


class _OneMarket(OriginHeaderMixin, APIView):
    """What is about a single market, or between two."""

    permission_classes = (IsAuthenticated,)

    def market(self, market_id: int) -> Market:
        """The market; 404 for one that is not read."""
        market = selectors.markets_read().filter(id=market_id).first()
        if market is None:
            raise NotFound("There is no such market.", code="market_not_found")
        return market


@extend_schema_view(get=extend_schema(**schema.ORDER_BOOK))
class OrderBookDetail(_OneMarket):
    """The order book of one market: 200 with one at most two seconds old, else 202 while it is fetched."""

    def get(self, request: Request, market_id: int) -> Response:
        """The book, or 202 with `Retry-After`."""
        market = self.market(market_id)
        answer = access.order_book(market.id)
        if isinstance(answer, access.Pending):
            return pending(answer)
        return Response(OrderBookSerializer(book_row(market, answer)).data)


@extend_schema_view(get=extend_schema(**schema.FUNDING_HISTORY))
class FundingHistory(_OneMarket):
    """What was really paid, newest first, with its mean and deviation."""

    def get(self, request: Request, market_id: int) -> Response:
        """Settlements of the asked days, or 202 with `Retry-After`."""
        market = self.market(market_id)
        params = checked(HistoryParams, request)
        answer = access.funding_history(market.id, since=params["since"], until=params["until"])
        if isinstance(answer, access.Pending):
            return pending(answer)
        found = {
            "market_id": market.id,
            "exchange": market.exchange_id,
            "symbol": market.symbol,
            "source": answer.source,
            "age": answer.age_ms / 1000,
            "stats": selectors.settlements_stats(market.id, answer.value),
            "results": list(reversed(answer.value)),
        }
        return Response(FundingHistorySerializer(found).data)


@extend_schema_view(get=extend_schema(**schema.CANDLES))
class CandleList(OriginHeaderMixin, APIView):
    """The bars of one market that have ended and are known."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """The newest of them, oldest first."""
        params = checked(CandlesParams, request)
        market = selectors.markets_read().filter(exchange=params["exchange"], symbol__iexact=params["symbol"]).first()
        if market is None:
            raise NotFound("There is no such market.", code="market_not_found")
        timeframe, now = params["timeframe"], clock.now()
        try:
            candles = selectors.market_candles(
                exchange=market.exchange_id, market_id=market.id, timeframe=timeframe, bars=params["limit"], now=now
            )
        except redis.Error as error:
            raise TemporaryError("The cache is away, and candles with it; try again soon.", code="away") from error
        row = candles_row(market, candles, timeframe=timeframe, now=now)
        return Response(CandlesSerializer(row).data)


@extend_schema_view(get=extend_schema(**schema.FUNDING_SPREAD))
class FundingSpread(_OneMarket):
    """How what two perpetuals paid differed: its mean, deviation and half-life."""

    def get(self, request: Request) -> Response:
        """The statistics; all of them null where the two have too little history in common."""
        params = checked(SpreadParams, request)
        long, short = self.market(params["long"]), self.market(params["short"])
        stats = selectors.spread_stats(long.id, short.id, params["days"])
        return Response(FundingSpreadSerializer({"long": long.id, "short": short.id, "stats": stats}).data)


@extend_schema_view(get=extend_schema(**schema.NETWORKS))
class Networks(OriginHeaderMixin, APIView):
    """Deposit and withdrawal states per network."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """The networks, or 202 with `Retry-After`."""
        params = checked(NetworksParams, request)
        try:
            answer = access.networks(params["exchange"], currency=params["currency"].upper())
        except PermanentError as error:
            raise NotFound(error.message, code=error.code) from error
        if isinstance(answer, access.Pending):
            return pending(answer)
        found = {
            "exchange": params["exchange"],
            "source": answer.source,
            "age": answer.age_ms / 1000,
            "results": answer.value,
        }
        return Response(NetworksSerializer(found).data)


@extend_schema_view(get=extend_schema(**schema.EXCHANGES))
class ExchangeList(OriginHeaderMixin, APIView):
    """How each configured exchange and each of its feeds is."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """All of them: they are few."""
        return Response(ExchangeSerializer(selectors.exchanges_status(), many=True).data)


def checked(params: type[Serializer], request: Request) -> dict[str, Any]:
    """The query parameters, checked and with their defaults; raises ValidationError (400) with the fields that fail."""
    serializer = params(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def pending(answer: access.Pending) -> Response:
    """202: a market worker has been asked for it."""
    seconds = max(1, round(answer.retry_after))
    return Response(
        {"detail": f"It is being fetched; ask again in {seconds} s.", "retry_after": seconds},
        status=status.HTTP_202_ACCEPTED,
        headers={"Retry-After": str(seconds)},
    )
