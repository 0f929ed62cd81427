"""What the OpenAPI document says about market data beyond what the code shows: errors, headers, examples."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response
from apps.markets.api.params import CandlesParams, HistoryParams, NetworksParams, SpreadParams
from apps.markets.api.serializers import (
    CandlesSerializer,
    ExchangeSerializer,
    FundingHistorySerializer,
    FundingRateSerializer,
    FundingSpreadSerializer,
    MarketSerializer,
    NetworksSerializer,
    OrderBookSerializer,
    PendingSerializer,
    TickerSerializer,
)

_TAGS = ["trading"]
_UNAUTHORISED = error_response(401, "token_expired", "This token has expired.")
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "type", "code": "invalid_choice", "detail": "Select a valid choice."}],
)
_NO_MARKET = error_response(404, "market_not_found", "There is no such market.")
_RETRY_AFTER = OpenApiParameter(
    name="Retry-After",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.INT,
    response=[202],
    description="Seconds after which to ask again.",
)
_PENDING = {202: OpenApiResponse(PendingSerializer, description="A market worker is fetching it.")}
_FOUND: dict[str, Any] = {
    "market_id": 17,
    "exchange": "okx",
    "symbol": "BTC/USDT",
    "type": "spot",
    "source": "redis",
    "received_at": "2026-01-05T12:00:05.100000Z",
    "age": 1.204,
    "reason": None,
}
_TICKER = _FOUND | {
    "bid": "64010.4",
    "bid_size": "1.2041",
    "ask": "64010.5",
    "ask_size": "0.8834",
    "last": "64010.5",
    "quote_volume": "912004411.5",
    "open_interest": None,
    "exchange_at": "2026-01-05T12:00:05.012000Z",
}
_RATE = _FOUND | {
    "market_id": 204,
    "symbol": "BTC/USDT:USDT",
    "type": "swap",
    "rate": "0.0001",
    "interval_hours": 8.0,
    "interval_source": "exchange",
    "next_funding_at": "2026-01-05T16:00:00Z",
    "mark": "64013.1",
    "index": "64011.7",
    "exchange_at": "2026-01-05T12:00:05.012000Z",
}


def _list(operation: str, summary: str, serializer: type, example: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": _TAGS,
        "summary": summary,
        "parameters": [ORIGIN_HEADER],
        "responses": {
            200: serializer(many=True),
            **_INVALID,
            **_UNAUTHORISED,
            **error_response(404, "not_found", "Invalid cursor"),
        },
        "examples": [OpenApiExample("A row", value=example, response_only=True, status_codes=["200"])]
        if example
        else [],
    }


MARKETS = _list("trading_markets_list", "What the exchanges list", MarketSerializer)
TICKERS = _list("trading_tickers_list", "Best bid and ask, with source and age", TickerSerializer, _TICKER)
FUNDING_RATES = _list(
    "trading_funding_rates_list", "Predicted funding rates, with source and age", FundingRateSerializer, _RATE
)
ORDER_BOOK: dict[str, Any] = {
    "operation_id": "trading_order_books_retrieve",
    "tags": _TAGS,
    "summary": "The order book of one market",
    "parameters": [ORIGIN_HEADER, _RETRY_AFTER],
    "responses": {200: OrderBookSerializer, **_PENDING, **_UNAUTHORISED, **_NO_MARKET},
}
FUNDING_HISTORY: dict[str, Any] = {
    "operation_id": "trading_funding_history_retrieve",
    "tags": _TAGS,
    "summary": "What was really paid, newest first",
    "parameters": [ORIGIN_HEADER, _RETRY_AFTER, HistoryParams],
    "responses": {200: FundingHistorySerializer, **_PENDING, **_INVALID, **_UNAUTHORISED, **_NO_MARKET},
}
CANDLES: dict[str, Any] = {
    "operation_id": "trading_candles_retrieve",
    "tags": _TAGS,
    "summary": "Candles of one market, oldest first, with source and age",
    "parameters": [ORIGIN_HEADER, CandlesParams],
    "responses": {200: CandlesSerializer, **_INVALID, **_UNAUTHORISED, **_NO_MARKET},
    "examples": [
        OpenApiExample(
            "Two minutes",
            value=_FOUND
            | {
                "received_at": "2026-01-05T12:00:00Z",
                "age": 6.304,
                "timeframe": "1m",
                "results": [
                    {
                        "open_at": "2026-01-05T11:58:00Z",
                        "open": "64010.4",
                        "high": "64020.0",
                        "low": "64001.2",
                        "close": "64009.9",
                        "volume": "12.8814",
                        "origin": "exchange",
                    },
                    {
                        "open_at": "2026-01-05T11:59:00Z",
                        "open": "64009.95",
                        "high": "64012.05",
                        "low": "64009.95",
                        "close": "64010.45",
                        "volume": None,
                        "origin": "quotes",
                    },
                ],
            },
            response_only=True,
            status_codes=["200"],
        )
    ],
}
FUNDING_SPREAD: dict[str, Any] = {
    "operation_id": "trading_funding_spread_retrieve",
    "tags": _TAGS,
    "summary": "Mean, deviation and half-life of what short minus long paid",
    "parameters": [ORIGIN_HEADER, SpreadParams],
    "responses": {200: FundingSpreadSerializer, **_INVALID, **_UNAUTHORISED, **_NO_MARKET},
}
NETWORKS: dict[str, Any] = {
    "operation_id": "trading_networks_retrieve",
    "tags": _TAGS,
    "summary": "Deposits and withdrawals of an exchange, per currency and network",
    "parameters": [ORIGIN_HEADER, _RETRY_AFTER, NetworksParams],
    "responses": {
        200: NetworksSerializer,
        **_PENDING,
        **_INVALID,
        **_UNAUTHORISED,
        **error_response(404, "not_found", "No exchange 'binanc' is read here."),
    },
}
EXCHANGES: dict[str, Any] = {
    "operation_id": "trading_exchanges_list",
    "tags": _TAGS,
    "summary": "How each exchange and each of its feeds is",
    "parameters": [ORIGIN_HEADER],
    "responses": {200: ExchangeSerializer(many=True), **_UNAUTHORISED},
}
