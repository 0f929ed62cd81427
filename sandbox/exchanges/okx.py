"""www.okx.com, API v5: spot and USDT swaps; futures and options are known and empty.

https://www.okx.com/docs-v5/en/#public-data-rest-api
"""

from datetime import datetime
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of, step_text
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Board
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_EMPTY = ("FUTURES", "OPTION", "MARGIN")
_MAX_BOOK = 400
_MAX_FULL_BOOK = 5_000
_MAX_CANDLES = 300
_SIGNED_FOR_S = 30.0
# OKX's names of chains where they aren't ccxt's.
_CHAINS = {"BTC": "Bitcoin", "BEP20": "BSC", "SOL": "Solana"}


class Kind:
    """Markets of one instrument type; sizes in contracts for swaps."""

    def __init__(self, board: Board, kind: str) -> None:
        self.board = board
        self.kind = kind
        self.texts = Texts(board)
        suffix = "-SWAP" if kind == "SWAP" else ""
        self.ids = [f"{each.base}-{each.quote}{suffix}" for each in board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        instrument = _swap_instrument if kind == "SWAP" else _spot_instrument
        self.instruments = [instrument(name, each) for name, each in zip(self.ids, board.listings, strict=True)]

    def size(self, number: int, base_units: float) -> str:
        """A size in the exchange's own unit."""
        return self.texts.size(number, base_units / self.board.listings[number].contract_size)

    def ticker(self, number: int, at: float) -> dict[str, str]:
        """One ticker row."""
        quotes = self.board.quotes(at)
        price = self.texts.price
        volume = float(quotes.volume[number])
        day_currency = volume if self.kind == "SWAP" else float(quotes.turnover[number])
        return {
            "instType": self.kind,
            "instId": self.ids[number],
            "last": price(number, quotes.last[number]),
            "lastSz": self.size(number, quotes.bid_size[number]),
            "askPx": price(number, quotes.ask[number]),
            "askSz": self.size(number, quotes.ask_size[number]),
            "bidPx": price(number, quotes.bid[number]),
            "bidSz": self.size(number, quotes.bid_size[number]),
            "open24h": price(number, quotes.open[number]),
            "high24h": price(number, quotes.high[number]),
            "low24h": price(number, quotes.low[number]),
            "volCcy24h": f"{day_currency:.4f}",
            "vol24h": self.size(number, volume),
            "ts": str(int(quotes.ts[number])),
            "sodUtc0": price(number, quotes.open[number]),
            "sodUtc8": price(number, quotes.open[number]),
        }


class Okx(ExchangeHost):
    """OKX's public v5 API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._kinds = {
            "SPOT": Kind(world.board("okx", is_swap=False), "SPOT"),
            "SWAP": Kind(world.board("okx", is_swap=True), "SWAP"),
        }
        self._currencies = orjson.Fragment(orjson.dumps(_currency_rows(world)))
        self.live = {
            "/api/v5/public/time": self._time,
            "/api/v5/asset/currencies": self._asset_currencies,
            "/api/v5/account/config": self._config,
        }
        self.quiet = {
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/tickers": self._tickers,
            "/api/v5/market/ticker": self._ticker,
            "/api/v5/market/books": self._books,
            "/api/v5/market/books-full": self._books_full,
            "/api/v5/market/candles": self._candles,
            "/api/v5/public/funding-rate": self._funding,
            "/api/v5/public/funding-rate-history": self._funding_history,
            "/api/v5/public/mark-price": self._mark_price,
            "/api/v5/system/status": self._status,
        }

    def unknown(self, call: Call) -> Answer:
        """OKX's own not found."""
        return json_answer({"code": "404", "data": [], "detailMsg": "", "msg": "Not Found"}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """OKX's error body for the status."""
        code, message = {
            429: ("50011", "Too Many Requests"),
            503: ("50001", "Service temporarily unavailable, please try again later."),
        }.get(status, ("50026", "System error, please try again later."))
        return orjson.dumps({"code": code, "data": [], "msg": message})

    def _instruments(self, call: Call) -> Answer:
        kind = call.query.get("instType", "")
        if kind in _EMPTY:
            return _success([])
        found = self._kinds.get(kind)
        if found is None:
            return _failure("51000", "Parameter instType error")
        wanted = call.query.get("instId")
        return _success([row for row in found.instruments if wanted in (None, row["instId"])])

    def _tickers(self, call: Call) -> Answer:
        kind = call.query.get("instType", "")
        if kind in _EMPTY:
            return _success([])
        found = self._kinds.get(kind)
        if found is None:
            return _failure("51000", "Parameter instType error")
        at = World.tick(call.now)
        return _success([found.ticker(number, at) for number in range(len(found.ids))])

    def _ticker(self, call: Call) -> Answer:
        found = self._find(call)
        if found is None:
            return _failure("51001", "Instrument ID doesn't exist.")
        kind, number = found
        return _success([kind.ticker(number, World.tick(call.now))])

    def _books(self, call: Call) -> Answer:
        return self._book(call, limit_of(call, "sz", 1, _MAX_BOOK))

    def _books_full(self, call: Call) -> Answer:
        return self._book(call, limit_of(call, "sz", 1, _MAX_FULL_BOOK))

    def _book(self, call: Call, levels: int) -> Answer:
        found = self._find(call)
        if found is None:
            return _failure("51001", "Instrument ID doesn't exist.")
        kind, number = found
        book = kind.board.book(number, World.tick(call.now), levels)
        bids, asks = (
            [[kind.texts.price(number, price), kind.size(number, size), "0", "3"] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _success([{"asks": asks, "bids": bids, "ts": str(book.ts), "seqId": book.ts}])

    def _candles(self, call: Call) -> Answer:
        """Bars, newest first, each with whether it is complete; volumes in contracts, base and quote currency.

        https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks"""
        found = self._find(call)
        if found is None:
            return _failure("51001", "Instrument ID doesn't exist.")
        kind, number = found
        # Minutes are written small, hours and days large.
        asked = call.query.get("bar", "1m")
        step_s = STEPS.get(asked.lower()) if asked.endswith(("m", "H", "D")) else None
        if step_s is None:
            return _failure("51000", "Parameter bar error")
        bars = kind.board.klines(
            number, step_s=step_s, count=limit_of(call, "limit", 100, _MAX_CANDLES), now=World.tick(call.now)
        )
        rows = [
            [
                str(begin),
                *(kind.texts.price(number, value) for value in prices),
                kind.size(number, volume),
                f"{volume:.8f}",
                f"{turnover:.8f}",
                "1",
            ]
            for begin, *prices, volume, turnover in bars.rows()
        ]
        rows[-1][-1] = "0"
        return _success(rows[::-1])

    def _funding(self, call: Call) -> Answer:
        swaps = self._kinds["SWAP"]
        wanted = call.query.get("instId", "")
        numbers = range(len(swaps.ids))
        if wanted != "ANY":
            if wanted not in swaps.numbers:
                return _failure("51001", "Instrument ID doesn't exist.")
            numbers = range(swaps.numbers[wanted], swaps.numbers[wanted] + 1)
        funding = swaps.board.funding(World.tick(call.now))
        rows = []
        for number in numbers:
            listing = swaps.board.listings[number]
            following = int(funding.next_ms[number])
            after = following + listing.place.interval_h * 3_600_000
            rows.append(
                {
                    "instType": "SWAP",
                    "instId": swaps.ids[number],
                    "method": "current_period",
                    "formulaType": "withRate",
                    "fundingRate": f"{funding.rate[number]:.10f}",
                    "nextFundingRate": "",
                    "fundingTime": str(following),
                    "nextFundingTime": str(after) if listing.interval_known else "",
                    "minFundingRate": "-0.015",
                    "maxFundingRate": "0.015",
                    "settState": "settled",
                    "settFundingRate": f"{funding.rate[number]:.10f}",
                    "ts": str(int(funding.ts[number])),
                }
            )
        return _success(rows)

    def _funding_history(self, call: Call) -> Answer:
        swaps = self._kinds["SWAP"]
        number = swaps.numbers.get(call.query.get("instId", ""))
        if number is None:
            return _failure("51001", "Instrument ID doesn't exist.")
        settled = swaps.board.settled(number, call.now, limit_of(call, "limit", 100, 400))
        return _success(
            [
                {
                    "instType": "SWAP",
                    "instId": swaps.ids[number],
                    "method": "current_period",
                    "fundingRate": f"{rate:.10f}",
                    "realizedRate": f"{rate:.10f}",
                    "fundingTime": str(stamp),
                }
                for stamp, rate, _ in reversed(settled)
            ]
        )

    def _mark_price(self, call: Call) -> Answer:
        swaps = self._kinds["SWAP"]
        if call.query.get("instType", "SWAP") != "SWAP":
            return _success([])
        funding = swaps.board.funding(World.tick(call.now))
        wanted = call.query.get("instId")
        return _success(
            [
                {
                    "instType": "SWAP",
                    "instId": name,
                    "markPx": swaps.texts.price(number, funding.mark[number]),
                    "ts": str(int(funding.ts[number])),
                }
                for number, name in enumerate(swaps.ids)
                if wanted in (None, name)
            ]
        )

    def _status(self, call: Call) -> Answer:
        return _success([])

    def _asset_currencies(self, call: Call) -> Answer:
        """Deposits and withdrawals by chain, for holders of a key only."""
        return _key_refusal(call) or json_answer({"code": "0", "data": self._currencies, "msg": ""})

    def _config(self, call: Call) -> Answer:
        """The account, and what the key may do.

        https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-account-configuration"""
        kind = key_kind("okx", call.headers.get("OK-ACCESS-KEY", ""))
        may = {"read": "read_only", "trade": "read_only,trade", "withdraw": "read_only,withdraw,trade"}.get(kind, "")
        config = {
            "acctLv": "2",
            "autoLoan": False,
            "ip": "",
            "label": "sandbox",
            "level": "Lv1",
            "perm": may,
            "posMode": "long_short_mode",
            "uid": "44705892343619584",
        }
        return _key_refusal(call) or _success([config])

    def _time(self, call: Call) -> Answer:
        return _success([{"ts": str(int(call.now * 1000))}])

    def _find(self, call: Call) -> tuple[Kind, int] | None:
        name = call.query.get("instId", "")
        for kind in self._kinds.values():
            if name in kind.numbers:
                return kind, kind.numbers[name]
        return None


def _success(data: list[Any]) -> Answer:
    return json_answer({"code": "0", "msg": "", "data": data})


def _key_refusal(call: Call) -> Answer | None:
    """OKX's refusal of a signed call; None where key, phrase, time and signature are good.

    https://www.okx.com/docs-v5/en/#overview-rest-authentication"""
    kind = key_kind("okx", call.headers.get("OK-ACCESS-KEY", ""))
    if not kind:
        return json_answer({"msg": "Invalid OK-ACCESS-KEY", "code": "50111"}, 401)
    if kind == "bound":
        words = "Your IP 127.0.0.1 is not included in your API key's IP whitelist."
        return json_answer({"msg": words, "code": "50110"}, 401)
    key = demo_key("okx", kind)
    if call.headers.get("OK-ACCESS-PASSPHRASE", "") != key["password"]:
        return json_answer({"msg": "Request header OK-ACCESS-PASSPHRASE incorrect.", "code": "50105"}, 401)
    stamp = call.headers.get("OK-ACCESS-TIMESTAMP", "")
    asked = call.path + (f"?{call.raw_query}" if call.raw_query else "")
    if not is_signed(f"{stamp}{call.method}{asked}", call.headers.get("OK-ACCESS-SIGN", ""), key["secret"]):
        return json_answer({"msg": "Invalid Sign", "code": "50113"}, 401)
    if abs(datetime.fromisoformat(stamp).timestamp() - call.now) > _SIGNED_FOR_S:
        return json_answer({"msg": "Timestamp request expired", "code": "50102"}, 401)
    return None


def _currency_rows(world: World) -> list[dict[str, Any]]:
    """One row per currency and chain."""
    listings = world.board("okx", is_swap=False).listings
    names = {name for each in listings for name in (each.asset.name, each.quote)}
    return [
        {
            "ccy": asset.name,
            "chain": f"{asset.name}-{_CHAINS.get(each.chain, each.chain)}",
            "name": asset.name.title(),
            "canDep": each.deposit,
            "canWd": each.withdraw,
            "canInternal": True,
            "fee": f"{each.fee:.10f}",
            "minWd": f"{2 * each.fee:.10f}",
            "maxWd": "9999999",
            "wdTickSz": "8",
            "mainNet": True,
        }
        for asset in world.assets
        if asset.name in names
        for each in networks_of("okx", asset)
    ]


def _failure(code: str, message: str) -> Answer:
    return json_answer({"code": code, "msg": message, "data": []})


def _common(name: str, kind: str, listing: Listing) -> dict[str, str]:
    return {
        "alias": "",
        "category": "1",
        "ctMult": "",
        "ctType": "",
        "ctVal": "",
        "ctValCcy": "",
        "expTime": "",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "",
        "uly": "",
        "optType": "",
        "stk": "",
        "instId": name,
        "instType": kind,
        "listTime": "1606468572000",
        "lotSz": step_text(listing.step_dp),
        "minSz": step_text(listing.step_dp),
        "tickSz": step_text(listing.price_dp),
        "maxLmtSz": "9000000000",
        "maxMktSz": "1000000",
        "state": "live" if listing.place.active else "suspend",
    }


def _spot_instrument(name: str, listing: Listing) -> dict[str, str]:
    return _common(name, "SPOT", listing) | {"baseCcy": listing.base, "quoteCcy": listing.quote, "lever": "5"}


def _swap_instrument(name: str, listing: Listing) -> dict[str, str]:
    return _common(name, "SWAP", listing) | {
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": f"{listing.contract_size:.12f}".rstrip("0").rstrip("."),
        "ctValCcy": listing.base,
        "settleCcy": listing.quote,
        "uly": f"{listing.base}-{listing.quote}",
        "instFamily": f"{listing.base}-{listing.quote}",
        "lever": "50",
    }
