"""dapi.binance.com: coin-margined perpetuals, each contract worth so many dollars; eapi.binance.com: no options.

https://developers.binance.com/docs/derivatives/coin-margined-futures
"""

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.calls import Answer, Call, Route, json_answer
from sandbox.exchanges.base import ExchangeHost, limit_of, step_text
from sandbox.exchanges.binance import BinanceHost, failure
from sandbox.market.board import Quotes
from sandbox.market.listing import Listing
from sandbox.market.world import World

MAX_DEPTH = 1_000
# "fundingInfo" lists only symbols whose interval was adjusted; the rest pay every 8 h.
USUAL_INTERVAL_H = 8
_PERPETUAL_UNTIL = 4_133_404_800_000


class BinanceDelivery(BinanceHost):
    """The coin-margined host; sizes are whole contracts."""

    def __init__(self, world: World) -> None:
        super().__init__(world, venue="binancecoinm", is_swap=True)
        self.pairs = self.ids
        self.ids = [f"{pair}_PERP" for pair in self.pairs]
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        self._symbols = orjson.Fragment(
            orjson.dumps([self._symbol(number, each) for number, each in enumerate(self.board.listings)])
        )
        self.live = {"/dapi/v1/time": self.time, "/dapi/v1/ping": self.ping}
        self.quiet = {
            "/dapi/v1/exchangeInfo": self._exchange_info,
            "/dapi/v1/ticker/24hr": self._day,
            "/dapi/v1/ticker/bookTicker": self._book_ticker,
            "/dapi/v1/premiumIndex": self._premium_index,
            "/dapi/v1/fundingInfo": self._funding_info,
            "/dapi/v1/fundingRate": self._funding_history,
            "/dapi/v1/depth": self._depth,
            "/dapi/v1/klines": self.klines,
        }

    def contracts(self, number: int, base_units: float, price: float) -> str:
        """A size in contracts at a price."""
        return f"{max(1, round(base_units * price / self.board.listings[number].contract_size))}"

    def kline_volumes(self, number: int, price: float, volume: float, turnover: float) -> tuple[str, str]:
        """The two volumes of a bar: in contracts and in base currency."""
        return self.contracts(number, volume, price), f"{volume:.8f}"

    def _symbol(self, number: int, listing: Listing) -> dict[str, Any]:
        tick = step_text(listing.price_dp)
        lot = {"stepSize": "1", "maxQty": "1000000", "minQty": "1"}
        return {
            "symbol": self.ids[number],
            "pair": self.pairs[number],
            "contractType": "PERPETUAL",
            "deliveryDate": _PERPETUAL_UNTIL,
            "onboardDate": 1_597_042_800_000,
            "contractStatus": "TRADING" if listing.place.active else "SETTLING",
            "contractSize": round(listing.contract_size),
            "marginAsset": listing.base,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": listing.base,
            "quoteAsset": listing.quote,
            "pricePrecision": listing.price_dp,
            "quantityPrecision": 0,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "equalQtyPrecision": 4,
            "underlyingType": "COIN",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", **lot},
                {"filterType": "MARKET_LOT_SIZE", **lot},
            ],
            "orderTypes": ["LIMIT", "MARKET", "STOP"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def _exchange_info(self, call: Call) -> Answer:
        return json_answer(
            {
                "timezone": "UTC",
                "serverTime": int(call.now * 1000),
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
                ],
                "exchangeFilters": [],
                "symbols": self._symbols,
            }
        )

    def _book_ticker(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        bids, asks = self.texts.prices(quotes.bid), self.texts.prices(quotes.ask)

        def row(number: int) -> dict[str, Any]:
            return {
                "symbol": self.ids[number],
                "pair": self.pairs[number],
                "bidPrice": bids[number],
                "bidQty": self.contracts(number, float(quotes.bid_size[number]), float(quotes.bid[number])),
                "askPrice": asks[number],
                "askQty": self.contracts(number, float(quotes.ask_size[number]), float(quotes.ask[number])),
                "time": int(quotes.ts[number]),
            }

        return self.rows(call, row)

    def _day(self, call: Call) -> Answer:
        return self.rows(call, self._counted(self.board.quotes(World.tick(call.now))))

    def _counted(self, quotes: Quotes) -> Callable[[int], dict[str, Any]]:
        """Rows of the last 24 h: volume in contracts, `baseVolume` in the coin, and no volume in dollars."""
        plain = self.day(quotes)

        def row(number: int) -> dict[str, Any]:
            told = plain(number)
            told.pop("quoteVolume")
            base = float(quotes.volume[number])
            return told | {
                "pair": self.pairs[number],
                "lastQty": "1",
                "volume": self.contracts(number, base, float(quotes.last[number])),
                "baseVolume": f"{base:.8f}",
            }

        return row

    def _premium_index(self, call: Call) -> Answer:
        funding = self.board.funding(World.tick(call.now))
        mark, index = self.texts.prices(funding.mark), self.texts.prices(funding.index)
        return self.rows(
            call,
            lambda number: {
                "symbol": self.ids[number],
                "pair": self.pairs[number],
                "markPrice": mark[number],
                "indexPrice": index[number],
                "estimatedSettlePrice": index[number],
                "lastFundingRate": f"{funding.rate[number]:.8f}",
                "interestRate": "0.00010000",
                "nextFundingTime": int(funding.next_ms[number]),
                "time": int(funding.ts[number]),
            },
        )

    def _funding_info(self, call: Call) -> Answer:
        return json_answer(
            [
                {"symbol": name, "fundingIntervalHours": listing.place.interval_h, "disclaimer": False}
                for name, listing in zip(self.ids, self.board.listings, strict=True)
                if listing.place.interval_h != USUAL_INTERVAL_H
            ]
        )

    def _funding_history(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return failure(400, -1121, "Invalid symbol.")
        settled = self.board.settled(number, call.now, limit_of(call, "limit", 100, 1_000))
        return json_answer(
            [
                {"symbol": self.ids[number], "fundingTime": stamp, "fundingRate": f"{rate:.8f}"}
                for stamp, rate, _ in settled
            ]
        )

    def _depth(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return failure(400, -1121, "Invalid symbol.")
        book = self.board.book(number, World.tick(call.now), limit_of(call, "limit", 500, MAX_DEPTH))
        bids, asks = (
            [[self.texts.price(number, price), self.contracts(number, size, price)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return json_answer(
            {
                "lastUpdateId": book.ts,
                "E": book.ts,
                "T": book.ts,
                "symbol": self.ids[number],
                "pair": self.pairs[number],
                "bids": bids,
                "asks": asks,
            }
        )


def _empty_list(_: Call) -> Answer:
    return json_answer([])


def _time(call: Call) -> Answer:
    return json_answer({"serverTime": int(call.now * 1000)})


class BinanceOptions(ExchangeHost):
    """Options: none, which ccxt's binance class has to be told."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, Route] = {"/eapi/v1/time": _time}
        self.quiet: dict[str, Route] = {"/eapi/v1/exchangeInfo": self._exchange_info, "/eapi/v1/ticker": _empty_list}

    def unknown(self, call: Call) -> Answer:
        """Not found."""
        return json_answer({"code": -5000, "msg": f"Path {call.path}, Method {call.method} is invalid"}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Binance's error body."""
        return orjson.dumps({"code": -1003 if status == 429 else -1000, "msg": f"status {status}"})

    def _exchange_info(self, call: Call) -> Answer:
        now = int(call.now * 1000)
        lists: dict[str, list[object]] = {
            "optionContracts": [],
            "optionAssets": [],
            "optionSymbols": [],
            "rateLimits": [],
        }
        return json_answer({"timezone": "UTC", "serverTime": now, **lists})
