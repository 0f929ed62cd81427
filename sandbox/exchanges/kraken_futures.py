"""futures.kraken.com: perpetuals settled in dollars (`PF_`), and two old ones settled in the coin (`PI_`).

https://docs.kraken.com/api/docs/futures-api/
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, bars_since
from sandbox.market.board import Funding, Quotes
from sandbox.market.listing import Listing
from sandbox.market.world import World

_MAX_BARS = 2_000
# These are listed a second time as inverse contracts of one dollar each.
_INVERSE_TOO = ("BTC", "ETH")
_MAX_DEPTH = 200
_HISTORY = 500


class KrakenFutures(ExchangeHost):
    """Kraken's derivatives; numbers are numbers here, not text."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.board = world.board("krakenfutures", is_swap=True)
        listings = self.board.listings
        linear = [(f"PF_{_pair(each)}", number) for number, each in enumerate(listings)]
        inverse = [(f"PI_{_pair(each)}", number) for number, each in enumerate(listings) if each.base in _INVERSE_TOO]
        self.numbers = dict(linear + inverse)
        self._instruments = [_instrument(name, listings[number]) for name, number in self.numbers.items()]
        self.live = {}
        self.quiet = {
            "/derivatives/api/v3/instruments": self._instrument_list,
            "/derivatives/api/v3/tickers": self._tickers,
            "/derivatives/api/v3/orderbook": self._order_book,
            "/derivatives/api/v4/historicalfundingrates": self._funding_history,
            **{f"/api/charts/v1/trade/{name}/{step}": self._candles for name in self.numbers for step in STEPS},
        }

    def unknown(self, call: Call) -> Answer:
        """The interface's own not found."""
        return json_answer({"result": "error", "error": "notFound", "serverTime": _moment(call.now)}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The interface's error body for the status."""
        words = {429: "apiLimitExceeded", 503: "unavailable"}.get(status, "Server Error")
        return orjson.dumps({"result": "error", "error": words})

    def _instrument_list(self, call: Call) -> Answer:
        return _success(call, {"instruments": self._instruments})

    def _tickers(self, call: Call) -> Answer:
        at = World.tick(call.now)
        quotes, funding = self.board.quotes(at), self.board.funding(at)
        rows = [self._ticker(name, number, quotes, funding) for name, number in self.numbers.items()]
        # Indices come in the same list, without a quote.
        rows += [
            {"symbol": f"in_{_pair(each).lower()}", "last": float(funding.index[number]), "lastTime": _moment(at)}
            for number, each in enumerate(self.board.listings)
        ]
        return _success(call, {"tickers": rows})

    def _ticker(self, name: str, number: int, quotes: Quotes, funding: Funding) -> dict[str, Any]:
        bid, ask, last = (self._price(number, column[number]) for column in (quotes.bid, quotes.ask, quotes.last))
        mark, rate = float(funding.mark[number]), float(funding.rate[number])
        base, dollars = float(quotes.volume[number]), float(quotes.turnover[number])
        return {
            "symbol": name,
            "last": last,
            "lastTime": _moment(int(quotes.ts[number]) / 1000),
            "lastSize": 1,
            "tag": "perpetual",
            "pair": f"{_name(self.board.listings[number])}:USD",
            "markPrice": mark,
            "bid": bid,
            "bidSize": self._size(name, number, float(quotes.bid_size[number]), bid),
            "ask": ask,
            "askSize": self._size(name, number, float(quotes.ask_size[number]), ask),
            "vol24h": round(dollars) if _is_inverse(name) else base,
            "volumeQuote": dollars,
            "openInterest": base / 3,
            "open24h": self._price(number, quotes.open[number]),
            "high24h": self._price(number, quotes.high[number]),
            "low24h": self._price(number, quotes.low[number]),
            "fundingRate": _absolute(name, rate, mark),
            "fundingRatePrediction": _absolute(name, rate * 1.02, mark),
            "suspended": False,
            "indexPrice": float(funding.index[number]),
            "postOnly": False,
            "change24h": round((last / float(quotes.open[number]) - 1) * 100, 2),
        }

    def _order_book(self, call: Call) -> Answer:
        name = call.query.get("symbol", "").upper()
        number = self.numbers.get(name)
        if number is None:
            words = "requiredArgumentMissing" if not name else "marketUnavailable"
            return json_answer({"result": "error", "error": words, "serverTime": _moment(call.now)}, 400)
        book = self.board.book(number, World.tick(call.now), _MAX_DEPTH)
        bids, asks = (
            [[price, self._size(name, number, size, price)] for price, size in side] for side in (book.bids, book.asks)
        )
        return _success(call, {"orderBook": {"bids": bids, "asks": asks}})

    def _candles(self, call: Call) -> Answer:
        """https://docs.kraken.com/api/docs/futures-api/charts/candles"""
        *_, name, step = call.path.split("/")
        number, step_s = self.numbers[name], STEPS[step]
        count = bars_since(call.query.get("from", ""), step_s, call.now, _MAX_BARS)
        bars = self.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        names = ("open", "high", "low", "close")
        return json_answer(
            {
                "candles": [
                    {
                        "time": begin,
                        **{each: f"{value:.10f}" for each, value in zip(names, prices, strict=True)},
                        "volume": str(self._size(name, number, volume, prices[-1])),
                    }
                    for begin, *prices, volume, _ in bars.rows()
                ],
                "more_candles": False,
            }
        )

    def _funding_history(self, call: Call) -> Answer:
        name = call.query.get("symbol", "").upper()
        number = self.numbers.get(name)
        if number is None:
            return json_answer({"result": "error", "error": "marketUnavailable"}, 400)
        return _success(
            call,
            {
                "rates": [
                    {
                        "timestamp": _moment(stamp / 1000),
                        "fundingRate": _absolute(name, rate, mark),
                        "relativeFundingRate": rate,
                    }
                    for stamp, rate, mark in self.board.settled(number, call.now, _HISTORY)
                ]
            },
        )

    def _price(self, number: int, value: float) -> float:
        return round(float(value), self.board.listings[number].price_dp)

    def _size(self, name: str, number: int, base_units: float, price: float) -> float:
        """A size in contracts: base units, or dollars of inverse ones."""
        if _is_inverse(name):
            return max(1, round(base_units * price))
        return round(base_units, self.board.listings[number].step_dp)


def _is_inverse(name: str) -> bool:
    return name.startswith("PI_")


def _absolute(name: str, rate: float, mark: float) -> float:
    """What a contract pays in an hour: dollars per coin, or of an inverse one coins per dollar."""
    return rate / mark if _is_inverse(name) else rate * mark


def _pair(listing: Listing) -> str:
    return f"{_name(listing)}USD"


def _name(listing: Listing) -> str:
    """Of the old names of the spot market only bitcoin's is used here."""
    return "XBT" if listing.base == "BTC" else listing.base


def _instrument(name: str, listing: Listing) -> dict[str, Any]:
    unit = "contracts" if _is_inverse(name) else "numNonContractUnits"
    return {
        "symbol": name,
        "type": "futures_inverse" if _is_inverse(name) else "flexible_futures",
        "pair": f"{_name(listing)}:USD",
        "base": listing.base,
        "quote": "USD",
        "tickSize": 10**-listing.price_dp,
        "contractSize": 1,
        "tradeable": listing.place.active,
        "impactMidSize": 1,
        "maxPositionSize": 1_000_000,
        "openingDate": "2022-03-22T15:18:00.000Z",
        "marginLevels": [
            {unit: 0, "initialMargin": 0.02, "maintenanceMargin": 0.01},
            {unit: 500_000, "initialMargin": 0.04, "maintenanceMargin": 0.02},
        ],
        "fundingRateCoefficient": 24,
        "maxRelativeFundingRate": 0.0025,
        "contractValueTradePrecision": 0 if _is_inverse(name) else listing.step_dp,
        "postOnly": False,
        "tags": [],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _success(call: Call, body: dict[str, Any]) -> Answer:
    return json_answer({"result": "success", **body, "serverTime": _moment(call.now)})
