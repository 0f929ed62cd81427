"""api.bybit.com, API v5: spot and USDT perpetuals; inverse contracts and options are known and empty.

https://bybit-exchange.github.io/docs/v5/market/instrument
"""

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of, step_text
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Board, Funding, Quotes
from sandbox.market.catalog import Asset
from sandbox.market.listing import Listing
from sandbox.market.networks import Network, networks_of
from sandbox.market.world import World

_MAX_PAGE = 1_000
_EMPTY = ("inverse", "option")
# Bybit's names of chains where they aren't ccxt's.
_CHAINS = {"ERC20": "ETH", "BEP20": "BSC", "TRC20": "TRX"}


class Category:
    """Markets of one category and how they are worded."""

    def __init__(self, board: Board, instrument: Callable[[str, Listing], dict[str, Any]]) -> None:
        self.board = board
        self.texts = Texts(board)
        self.ids = [f"{each.base}{each.quote}" for each in board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        # The API lists what is trading; `Closed` markets only when asked for.
        self.instruments = [
            instrument(name, each) for name, each in zip(self.ids, board.listings, strict=True) if each.place.active
        ]

    def ticker(self, number: int, quotes: Quotes) -> dict[str, Any]:
        """What tickers of both categories have."""
        price, size = self.texts.price, self.texts.size
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        return {
            "symbol": self.ids[number],
            "bid1Price": price(number, quotes.bid[number]),
            "bid1Size": size(number, quotes.bid_size[number]),
            "ask1Price": price(number, quotes.ask[number]),
            "ask1Size": size(number, quotes.ask_size[number]),
            "lastPrice": price(number, last),
            "prevPrice24h": price(number, opened),
            "price24hPcnt": f"{last / opened - 1:.6f}",
            "highPrice24h": price(number, quotes.high[number]),
            "lowPrice24h": price(number, quotes.low[number]),
            "turnover24h": f"{quotes.turnover[number]:.4f}",
            "volume24h": size(number, quotes.volume[number]),
        }


class Bybit(ExchangeHost):
    """Bybit's public v5 API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._categories = {
            "spot": Category(world.board("bybit", is_swap=False), spot_instrument),
            "linear": Category(world.board("bybit", is_swap=True), linear_instrument),
        }
        self._coins = orjson.Fragment(orjson.dumps(_coin_rows(world)))
        self.live = {
            "/v5/market/time": self._time,
            "/v5/asset/coin/query-info": self._coin_info,
            "/v5/user/query-api": self._key,
        }
        self.quiet = {
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/tickers": self._tickers,
            "/v5/market/orderbook": self._order_book,
            "/v5/market/kline": self._kline,
            "/v5/market/funding/history": self._funding_history,
            "/v5/system/status": self._status,
        }

    def unknown(self, call: Call) -> Answer:
        """Bybit's bare 404."""
        return Answer(404, b"", {"Content-Type": "text/plain"})

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Bybit's error body for the status."""
        code, message = {
            403: (10009, "IP has been banned."),
            429: (10006, "Too many visits. Exceeded the API Rate Limit."),
            503: (10016, "Service is restarting."),
        }.get(status, (10016, "Server error."))
        return orjson.dumps({"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 0})

    def _instruments(self, call: Call) -> Answer:
        category = call.query.get("category", "")
        if category in _EMPTY:
            return _success(call, {"category": category, "list": [], "nextPageCursor": ""})
        found = self._categories.get(category)
        if found is None:
            return _failure(call, 10001, "params error: Category is invalid")
        rows = found.instruments if call.query.get("status", "Trading") == "Trading" else []
        symbol = call.query.get("symbol")
        if symbol:
            rows = [row for row in rows if row["symbol"] == symbol]
        if category == "spot":
            # Spot is never paged.
            return _success(call, {"category": category, "list": rows, "nextPageCursor": ""})
        size = limit_of(call, "limit", 500, _MAX_PAGE)
        start = limit_of(call, "cursor", 0, len(rows)) if call.query.get("cursor") else 0
        following = str(start + size) if start + size < len(rows) else ""
        page = rows[start : start + size]
        return _success(call, {"category": category, "list": page, "nextPageCursor": following})

    def _tickers(self, call: Call) -> Answer:
        category = call.query.get("category", "")
        if category in _EMPTY:
            return _success(call, {"category": category, "list": []})
        found = self._categories.get(category)
        if found is None:
            return _failure(call, 10001, "params error: Category is invalid")
        numbers = range(len(found.ids))
        symbol = call.query.get("symbol")
        if symbol is not None:
            if symbol not in found.numbers:
                return _failure(call, 10001, "params error: symbol invalid")
            numbers = range(found.numbers[symbol], found.numbers[symbol] + 1)
        at = World.tick(call.now)
        quotes = found.board.quotes(at)
        rows = [found.ticker(number, quotes) for number in numbers]
        if category == "linear":
            funding = found.board.funding(at)
            for row, number in zip(rows, numbers, strict=True):
                row |= linear_ticker(found.texts, number, quotes, funding)
        return _success(call, {"category": category, "list": rows})

    def _order_book(self, call: Call) -> Answer:
        category = self._categories.get(call.query.get("category", ""))
        number = category.numbers.get(call.query.get("symbol", "")) if category else None
        if category is None or number is None:
            return _failure(call, 10001, "params error: symbol invalid")
        most, default = (200, 1) if call.query["category"] == "spot" else (500, 25)
        book = category.board.book(number, World.tick(call.now), limit_of(call, "limit", default, most))
        bids, asks = (
            [[category.texts.price(number, price), category.texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _success(
            call,
            {
                "s": category.ids[number],
                "b": bids,
                "a": asks,
                "ts": book.ts,
                "u": book.ts,
                "seq": book.ts,
                "cts": book.ts,
            },
        )

    def _kline(self, call: Call) -> Answer:
        """Bars, newest first. https://bybit-exchange.github.io/docs/v5/market/kline"""
        name = call.query.get("category", "linear")
        category = self._categories.get(name)
        number = category.numbers.get(call.query.get("symbol", "")) if category else None
        if category is None or number is None:
            return _failure(call, 10001, "params error: symbol invalid")
        interval = call.query.get("interval", "")
        if not (interval.isdigit() and int(interval) * 60 in STEPS.values()):
            return _failure(call, 10001, "Invalid period!")
        count = limit_of(call, "limit", 200, _MAX_PAGE)
        bars = category.board.klines(number, step_s=int(interval) * 60, count=count, now=World.tick(call.now))
        price, size = category.texts.price, category.texts.size
        rows = [
            [str(begin), *(price(number, value) for value in prices), size(number, volume), f"{turnover:.8f}"]
            for begin, *prices, volume, turnover in bars.rows()
        ]
        return _success(call, {"category": name, "symbol": category.ids[number], "list": rows[::-1]})

    def _funding_history(self, call: Call) -> Answer:
        category = self._categories["linear"]
        number = category.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _failure(call, 10001, "params error: symbol invalid")
        settled = category.board.settled(number, call.now, limit_of(call, "limit", 200, 200))
        rows = [
            {"symbol": category.ids[number], "fundingRate": f"{rate:.8f}", "fundingRateTimestamp": str(stamp)}
            for stamp, rate, _ in reversed(settled)
        ]
        return _success(call, {"category": "linear", "list": rows})

    def _status(self, call: Call) -> Answer:
        return _success(call, {"list": []})

    def _coin_info(self, call: Call) -> Answer:
        """Deposits and withdrawals by chain, for holders of a key only."""
        return _key_refusal(call) or _success(call, {"rows": self._coins})

    def _key(self, call: Call) -> Answer:
        """What the key may do.

        https://bybit-exchange.github.io/docs/v5/user/apikey-info"""
        key = call.headers.get("X-BAPI-API-KEY", "")
        kind = key_kind("bybit", key)
        wallet = ["AccountTransfer"] + ["Withdraw"] * (kind == "withdraw")
        may = {
            "id": "13770661",
            "note": kind,
            "apiKey": key,
            "readOnly": int(kind == "read"),
            "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"],
                "Spot": ["SpotTrade"],
                "Wallet": wallet,
                "Options": ["OptionsTrade"],
                "Derivatives": ["DerivativesTrade"],
                "CopyTrading": [],
                "BlockTrade": [],
                "Exchange": ["ExchangeHistory"],
                "NFT": [],
                "Affiliate": [],
                "Earn": [],
            },
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 83,
            "expiredAt": "2099-05-15T03:21:05Z",
            "unified": 0,
            "uta": 1,
            "isMaster": True,
        }
        return _key_refusal(call) or _success(call, may)

    def _time(self, call: Call) -> Answer:
        return _success(call, {"timeSecond": str(int(call.now)), "timeNano": str(int(call.now * 1e9))})


def _success(call: Call, result: dict[str, Any]) -> Answer:
    return json_answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": int(call.now * 1000)})


def _key_refusal(call: Call) -> Answer | None:
    """Bybit's refusal of a signed call; None where key, time and signature are good.

    https://bybit-exchange.github.io/docs/v5/guide#authentication"""
    key, stamp, window, sign = (
        call.headers.get(f"X-BAPI-{name}", "") for name in ("API-KEY", "TIMESTAMP", "RECV-WINDOW", "SIGN")
    )
    kind = key_kind("bybit", key)
    if not kind:
        return _failure(call, 10003, "API key is invalid.")
    if kind == "bound":
        return _failure(call, 10010, "Unmatched IP, please check your API key's bound IP addresses.")
    if not is_signed(f"{stamp}{key}{window}{call.raw_query}", sign, demo_key("bybit", kind)["secret"]):
        return _failure(call, 10004, "Error sign, please check your signature generation algorithm.")
    late_ms = call.now * 1000 - int(stamp)
    if not -1000 < late_ms <= int(window):
        return _failure(call, 10002, "invalid request, please check your server timestamp or recv_window param.")
    return None


def _coin_rows(world: World) -> list[dict[str, Any]]:
    """Every coin of the spot market with its chains."""
    listings = world.board("bybit", is_swap=False).listings
    names = {name for each in listings for name in (each.asset.name, each.quote)}
    return [_coin(asset, networks_of("bybit", asset)) for asset in world.assets if asset.name in names]


def _coin(asset: Asset, networks: tuple[Network, ...]) -> dict[str, Any]:
    return {
        "name": asset.name.title(),
        "coin": asset.name,
        "remainAmount": "10000000",
        "chains": [
            {
                "chain": _CHAINS.get(each.chain, each.chain),
                "chainType": each.chain,
                "confirmation": "6",
                "withdrawFee": f"{each.fee:.10f}",
                "depositMin": "0",
                "withdrawMin": f"{2 * each.fee:.10f}",
                "chainDeposit": str(int(each.deposit)),
                "chainWithdraw": str(int(each.withdraw)),
                "minAccuracy": "8",
            }
            for each in networks
        ],
    }


def _failure(call: Call, code: int, message: str) -> Answer:
    return json_answer(
        {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": int(call.now * 1000)}
    )


def spot_instrument(name: str, listing: Listing) -> dict[str, Any]:
    step = step_text(listing.step_dp)
    return {
        "symbol": name,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "lotSizeFilter": {
            "basePrecision": step,
            "quotePrecision": "0.00000001",
            "minOrderQty": step,
            "maxOrderQty": "9000000000",
            "minOrderAmt": listing.least_value,
            "maxOrderAmt": "4000000",
        },
        "priceFilter": {"tickSize": step_text(listing.price_dp)},
    }


def linear_instrument(name: str, listing: Listing) -> dict[str, Any]:
    step, tick = step_text(listing.step_dp), step_text(listing.price_dp)
    instrument = {
        "symbol": name,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(listing.price_dp),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "9000000000",
            "minOrderQty": step,
            "qtyStep": step,
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "settleCoin": listing.quote,
    }
    return instrument | ({"fundingInterval": listing.place.interval_h * 60} if listing.interval_known else {})


def linear_ticker(texts: Texts, number: int, quotes: Quotes, funding: Funding) -> dict[str, Any]:
    interest = float(quotes.volume[number]) / 3
    return {
        "markPrice": texts.price(number, funding.mark[number]),
        "indexPrice": texts.price(number, funding.index[number]),
        "prevPrice1h": texts.price(number, quotes.last[number]),
        "openInterest": texts.size(number, interest),
        "openInterestValue": f"{interest * float(quotes.mid[number]):.2f}",
        "fundingRate": f"{funding.rate[number]:.8f}",
        "nextFundingTime": str(int(funding.next_ms[number])),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
    }
