"""Errors are worded as the exchange words them, and say to whoever asked what to do."""

from typing import Any

import pytest

from apps.core.exceptions import TemporaryError, ThrottledError
from apps.markets.exchanges import registry
from tests.markets.adapters import adapter_of
from tests.sandbox.conftest import http
from tests.sandbox.played import asked
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.usefixtures("closing")

MEXC = "https://api.mexc.com/api"
HTX, HBDM = "https://api.huobi.pro", "https://api.hbdm.com"
BINGX = "https://open-api.bingx.com/openApi"


@pytest.mark.parametrize(
    ("url", "status", "fact"),
    [
        ("https://api.binance.com/api/v3/depth?symbol=NOPE", 400, {"code": -1121}),
        ("https://fapi.binance.com/fapi/v1/depth", 400, {"code": -1102}),
        ("https://api.bybit.com/v5/market/tickers?category=linear&symbol=NOPE", 200, {"retCode": 10001}),
        ("https://api.bybit.com/v5/market/tickers?category=nope", 200, {"retCode": 10001}),
        ("https://www.okx.com/api/v5/market/books?instId=NOPE", 200, {"code": "51001"}),
        ("https://www.okx.com/api/v5/market/ticker?instId=NOPE", 200, {"code": "51001"}),
        ("https://www.okx.com/api/v5/public/funding-rate?instId=NOPE", 200, {"code": "51001"}),
        ("https://www.okx.com/api/v5/public/funding-rate-history?instId=NOPE", 200, {"code": "51001"}),
        ("https://www.okx.com/api/v5/public/instruments?instType=NOPE", 200, {"code": "51000"}),
        ("https://www.okx.com/api/v5/market/tickers?instType=NOPE", 200, {"code": "51000"}),
        ("https://www.okx.com/api/v5/market/tickers?instType=FUTURES", 200, {"code": "0", "data": []}),
        ("https://www.okx.com/api/v5/public/mark-price?instType=OPTION", 200, {"code": "0", "data": []}),
        ("https://www.okx.com/api/v5/nope", 404, {"code": "404"}),
        ("https://api.binance.com/api/v3/ping", 200, {}),
        ("https://api.binance.com/api/v3/ticker/price?symbols=%5B%22NOPE%22%5D", 400, {"code": -1121}),
        ("https://api.binance.com/api/v3/ticker/price?symbols=nope", 400, {"code": -1121}),
        ("https://fapi.binance.com/fapi/v1/fundingRate?symbol=NOPE", 400, {"code": -1121}),
        ("https://eapi.binance.com/eapi/v1/nope", 404, {"code": -5000}),
        ("https://api.bybit.com/v5/market/orderbook?category=linear&symbol=NOPE", 200, {"retCode": 10001}),
        ("https://api.bybit.com/v5/market/orderbook?category=nope", 200, {"retCode": 10001}),
        ("https://api.bybit.com/v5/market/funding/history?symbol=NOPE", 200, {"retCode": 10001}),
        ("https://api.bybit.com/v5/market/instruments-info?category=nope", 200, {"retCode": 10001}),
        ("https://eapi.binance.com/eapi/v1/exchangeInfo", 200, {"optionSymbols": []}),
        ("https://api.bitget.com/api/v2/nope", 404, {"code": "40404"}),
        ("https://api.bitget.com/api/v2/spot/market/tickers?symbol=NOPE", 400, {"code": "40034"}),
        ("https://api.bitget.com/api/v2/spot/market/orderbook?symbol=NOPE", 400, {"code": "40034"}),
        ("https://api.bitget.com/api/v2/mix/market/tickers?productType=NOPE", 400, {"code": "40017"}),
        (
            "https://api.bitget.com/api/v2/mix/market/tickers?productType=coin-futures",
            200,
            {"code": "00000", "data": []},
        ),
        ("https://api.bitget.com/api/v2/mix/market/contracts?productType=NOPE", 400, {"code": "40017"}),
        ("https://api.bitget.com/api/v2/mix/market/current-fund-rate?productType=NOPE", 400, {"code": "40017"}),
        ("https://api.bitget.com/api/v2/mix/market/history-fund-rate?symbol=NOPE", 400, {"code": "40034"}),
        ("https://api.bitget.com/api/v2/mix/market/ticker?symbol=NOPE", 400, {"code": "40034"}),
        ("https://api.bitget.com/api/v2/mix/market/merge-depth?symbol=BTCUSDT&limit=7", 400, {"code": "40017"}),
        ("https://api.gateio.ws/api/v4/nope", 404, {"label": "NOT_FOUND"}),
        ("https://api.gateio.ws/api/v4/spot/tickers?currency_pair=NO_PE", 400, {"label": "INVALID_CURRENCY_PAIR"}),
        ("https://api.gateio.ws/api/v4/spot/order_book?currency_pair=NO_PE", 400, {"label": "INVALID_CURRENCY_PAIR"}),
        ("https://api.gateio.ws/api/v4/futures/usdt/tickers?contract=NO_PE", 400, {"label": "CONTRACT_NOT_FOUND"}),
        ("https://api.gateio.ws/api/v4/futures/usdt/order_book?contract=NO_PE", 400, {"label": "CONTRACT_NOT_FOUND"}),
        ("https://api.gateio.ws/api/v4/futures/usdt/funding_rate?contract=NO_PE", 400, {"label": "CONTRACT_NOT_FOUND"}),
        ("https://api.kucoin.com/api/v1/nope", 404, {"code": "404"}),
        ("https://api.kucoin.com/api/v1/market/orderbook/level2_20?symbol=NOPE", 400, {"code": "400100"}),
        ("https://api.kucoin.com/api/ua/v1/market/ticker?tradeType=NOPE", 400, {"code": "400100"}),
        ("https://api-futures.kucoin.com/api/v1/level2/depth20?symbol=NOPE", 400, {"code": "100001"}),
        ("https://api-futures.kucoin.com/api/v1/contract/funding-rates?symbol=NOPE", 400, {"code": "100001"}),
        ("https://api-futures.kucoin.com/api/v1/contract/funding-rates?symbol=XBTUSDTM", 400, {"code": "100001"}),
        ("https://api.kraken.com/0/public/Nope", 200, {"error": ["EGeneral:Unknown method"]}),
        ("https://api.kraken.com/0/public/Ticker?pair=NOPE", 200, {"error": ["EQuery:Unknown asset pair"]}),
        ("https://api.kraken.com/0/public/Depth?pair=NOPE", 200, {"error": ["EQuery:Unknown asset pair"]}),
        ("https://futures.kraken.com/derivatives/api/v3/nope", 404, {"result": "error", "error": "notFound"}),
        ("https://futures.kraken.com/derivatives/api/v3/orderbook?symbol=NO", 400, {"error": "marketUnavailable"}),
        ("https://futures.kraken.com/derivatives/api/v3/orderbook", 400, {"error": "requiredArgumentMissing"}),
        (
            "https://futures.kraken.com/derivatives/api/v4/historicalfundingrates?symbol=NO",
            400,
            {"error": "marketUnavailable"},
        ),
        ("https://api.coinbase.com/v2/nope", 404, {"errors": [{"id": "not_found", "message": "Not found"}]}),
        (
            "https://api.coinbase.com/api/v3/brokerage/market/product_book?product_id=NO",
            400,
            {"error": "INVALID_ARGUMENT"},
        ),
        ("https://api.coinbase.com/api/v3/brokerage/market/products?product_type=FUTURE", 200, {"products": []}),
        ("https://dapi.binance.com/dapi/v1/depth?symbol=NOPE", 400, {"code": -1121}),
        ("https://dapi.binance.com/dapi/v1/fundingRate?symbol=NOPE", 400, {"code": -1121}),
        (f"{MEXC}/v3/nope", 404, {"code": 404}),
        (f"{MEXC}/v3/depth?symbol=NOPE", 400, {"code": -1121}),
        (f"{MEXC}/v3/ticker/24hr?symbol=NOPE", 400, {"code": -1121}),
        (f"{MEXC}/v3/ticker/bookTicker?symbol=NOPE", 400, {"code": -1121}),
        (f"{MEXC}/v1/contract/depth/NO_PE", 200, {"success": False, "code": 1001}),
        (f"{MEXC}/v1/contract/ticker?symbol=NO_PE", 200, {"success": False, "code": 1001}),
        (f"{MEXC}/v1/contract/funding_rate/NO_PE", 200, {"success": False, "code": 1001}),
        (f"{MEXC}/v1/contract/funding_rate/history?symbol=NO_PE", 200, {"success": False, "code": 1001}),
        (f"{HTX}/nope", 404, {"status": "error"}),
        (f"{HTX}/market/depth?symbol=nope", 200, {"status": "error", "err-msg": "invalid symbol"}),
        (f"{HTX}/v2/market-status", 200, {"code": 200}),
        (f"{HBDM}/linear-swap-ex/market/depth?contract_code=NOPE", 200, {"status": "error", "err_code": 1332}),
        (f"{HBDM}/v5/market/funding_rate", 200, {"code": 1066}),
        (f"{HBDM}/v5/market/funding_rate_history?contract_code=NOPE", 200, {"code": 1066}),
        (f"{HBDM}/heartbeat/", 200, {"status": "ok"}),
        (f"{BINGX}/nope", 200, {"code": 100400}),
        (f"{BINGX}/spot/v1/market/depth?symbol=NO-PE", 200, {"code": 109425}),
        (f"{BINGX}/swap/v2/quote/depth?symbol=NO-PE", 200, {"code": 109425}),
        (f"{BINGX}/swap/v2/quote/fundingRate?symbol=NO-PE", 200, {"code": 109425}),
        (f"{BINGX}/cswap/v1/market/contracts", 200, {"code": 0, "data": []}),
    ],
)
def test_errors_are_worded_as_the_exchange_words_them(
    outside: Sandbox, url: str, status: int, fact: dict[str, Any]
) -> None:
    reply = http(f"{outside.url}/{url}")
    assert reply.status == status
    assert fact.items() <= reply.json.items()


@pytest.mark.parametrize("name", registry.EXCHANGES.names())
@pytest.mark.parametrize(
    ("status", "kind", "codes"),
    [
        (429, ThrottledError, {"throttled"}),
        (418, ThrottledError, {"throttled"}),
        (503, TemporaryError, {"maintenance", "unavailable"}),
        (500, TemporaryError, {"unavailable"}),
    ],
)
def test_an_error_in_the_exchanges_own_words_says_what_to_do(
    outside: Sandbox, name: str, status: int, kind: type[TemporaryError], codes: set[str]
) -> None:
    adapter = adapter_of(name, outside.url)
    ask_for = next(iter(adapter.able.quotes))
    asked(adapter.quotes(ask_for, markets_from=0))
    outside.faults([{"status": status}])
    with pytest.raises(kind) as caught:
        asked(adapter.quotes(ask_for, markets_from=0))
    assert caught.value.code in codes
    assert caught.value.message.startswith(name)
