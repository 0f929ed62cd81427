"""A small HTTP server that says exactly what a test wants an exchange to say, and answers in the exchanges' formats."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BINANCE = "https://api.binance.com/api/v3"
USDM = "https://fapi.binance.com/fapi/v1"
OKX = "https://www.okx.com/api/v5"
BYBIT = "https://api.bybit.com/v5"


@dataclass
class Answer:
    """One answer: JSON-able or raw body; `date` in Unix seconds (None: now), `cut` ends it half-way."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    date: float | None = None


class Wire:
    """Answers by address, with its query or else without; keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                address = self.path.removeprefix("/")
                wire.asked.append(address)
                unknown = Answer({"msg": "no"}, status=404)
                answer = wire.answers.get(address) or wire.answers.get(address.split("?")[0]) or unknown
                time.sleep(answer.delay)
                raw = isinstance(answer.body, bytes)
                data = answer.body if raw else json.dumps(answer.body).encode()
                self.send_response_only(answer.status)
                self.send_header("Date", formatdate(time.time() if answer.date is None else answer.date, usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if answer.cut else data)
                if answer.cut:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def say(self, address: str, body: Any, **how: Any) -> None:
        """From now on answer this at `address`."""
        self.answers[address] = Answer(body, **how)

    def count(self, address: str) -> int:
        """How often an address was asked."""
        return sum(1 for asked in self.asked if asked.split("?")[0] == address)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def binance_symbol(base: str, quote: str = "USDT", *, status: str = "TRADING") -> dict[str, Any]:
    """A symbol of exchangeInfo."""
    return {
        "symbol": f"{base}{quote}",
        "status": status,
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True},
        ],
    }


def binance_info(*symbols: dict[str, Any]) -> dict[str, Any]:
    """exchangeInfo."""
    return {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": list(symbols)}


def binance_ticker(base: str, bid: Any, ask: Any, **more: Any) -> dict[str, Any]:
    """A row of ticker/24hr."""
    row = {
        "symbol": f"{base}USDT",
        "lastPrice": "100",
        "bidPrice": str(bid),
        "bidQty": "2",
        "askPrice": str(ask),
        "askQty": "3",
        "quoteVolume": "1000000",
        "volume": "10000",
        "closeTime": int(time.time() * 1000) - 500,
        "openTime": 0,
        "count": 1,
    }
    return row | more


def usdm_symbol(base: str) -> dict[str, Any]:
    """A perpetual of the futures' exchangeInfo."""
    return {
        "symbol": f"{base}USDT",
        "pair": f"{base}USDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }


def okx_instrument(inst_id: str, inst_type: str, **more: Any) -> dict[str, Any]:
    """A row of public/instruments."""
    base, quote = inst_id.split("-")[:2]
    swap = inst_type == "SWAP"
    row = {
        "instId": inst_id,
        "instType": inst_type,
        "baseCcy": "" if swap else base,
        "quoteCcy": "" if swap else quote,
        "settleCcy": quote if swap else "",
        "uly": f"{base}-{quote}" if swap else "",
        "ctType": "linear" if swap else "",
        "ctVal": "0.01" if swap else "",
        "ctMult": "1" if swap else "",
        "lever": "50" if swap else "",
        "lotSz": "0.1" if swap else "0.00001",
        "minSz": "0.1" if swap else "0.00001",
        "tickSz": "0.1",
        "state": "live",
        "listTime": "1548133413000",
    }
    return row | more


def okx_ticker(inst_id: str, **more: Any) -> dict[str, Any]:
    """A row of market/tickers."""
    row = {
        "instType": "SWAP" if inst_id.endswith("SWAP") else "SPOT",
        "instId": inst_id,
        "last": "100",
        "bidPx": "99.9",
        "bidSz": "500",
        "askPx": "100.1",
        "askSz": "700",
        "open24h": "100",
        "volCcy24h": "1000",
        "vol24h": "100000",
        "ts": str(int(time.time() * 1000) - 200),
    }
    return row | more


def okx(*rows: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """OKX's envelope."""
    return {"code": "0", "msg": "", "data": list(rows)}


def bybit(*rows: dict[str, Any]) -> dict[str, Any]:
    """Bybit's envelope."""
    now = int(time.time() * 1000)
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": list(rows)}, "time": now}


def bybit_perpetual(base: str, **more: Any) -> dict[str, Any]:
    """A linear row of instruments-info; the funding interval is in minutes."""
    row = {
        "symbol": f"{base}USDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.1", "maxPrice": "1999999.80", "tickSize": "0.1"},
        "lotSizeFilter": {"maxOrderQty": "9000", "minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "5"},
        "fundingInterval": 480,
    }
    return row | more


def bybit_ticker(base: str, **more: Any) -> dict[str, Any]:
    """A linear row of tickers."""
    row = {
        "symbol": f"{base}USDT",
        "lastPrice": "100",
        "markPrice": "100",
        "indexPrice": "100",
        "bid1Price": "99.9",
        "bid1Size": "5",
        "ask1Price": "100.1",
        "ask1Size": "7",
        "turnover24h": "1000000",
        "volume24h": "10000",
        "fundingRate": "0.0001",
        "nextFundingTime": str(int(time.time() * 1000) + 1_800_000),
    }
    return row | more
