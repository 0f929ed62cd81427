"""fapi.binance.com: USD-margined perpetuals.

https://developers.binance.com/docs/derivatives/usds-margined-futures
"""

from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import limit_of, step_text
from sandbox.exchanges.binance import BinanceHost, failure
from sandbox.market.listing import Listing
from sandbox.market.world import World

MAX_DEPTH = 1_000
# "fundingInfo" lists only symbols whose interval was adjusted; the rest pay every 8 h.
USUAL_INTERVAL_H = 8
_PERPETUAL_UNTIL = 4_133_404_800_000


class BinanceUsdm(BinanceHost):
    """The USD-margined host."""

    def __init__(self, world: World) -> None:
        super().__init__(world, venue="binanceusdm", is_swap=True)
        self._symbols = orjson.Fragment(orjson.dumps([self._symbol(each) for each in self.board.listings]))
        self.live = {"/fapi/v1/time": self.time, "/fapi/v1/ping": self.ping}
        self.quiet = {
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v1/ticker/24hr": self._day,
            "/fapi/v1/ticker/bookTicker": self._book_ticker,
            "/fapi/v1/ticker/price": self._price,
            "/fapi/v2/ticker/price": self._price,
            "/fapi/v1/premiumIndex": self._premium_index,
            "/fapi/v1/fundingInfo": self._funding_info,
            "/fapi/v1/fundingRate": self._funding_history,
            "/fapi/v1/depth": self._depth,
            "/fapi/v1/klines": self.klines,
        }

    def _symbol(self, listing: Listing) -> dict[str, Any]:
        step, tick = step_text(listing.step_dp), step_text(listing.price_dp)
        lot = {"stepSize": step, "maxQty": "9000000000", "minQty": step}
        return {
            "symbol": f"{listing.base}{listing.quote}",
            "pair": f"{listing.base}{listing.quote}",
            "contractType": "PERPETUAL",
            "deliveryDate": _PERPETUAL_UNTIL,
            "onboardDate": 1_569_398_400_000,
            "status": "TRADING" if listing.place.active else "SETTLING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": listing.base,
            "quoteAsset": listing.quote,
            "marginAsset": listing.quote,
            "pricePrecision": listing.price_dp,
            "quantityPrecision": listing.step_dp,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", **lot},
                {"filterType": "MARKET_LOT_SIZE", **lot},
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ],
            "orderTypes": ["LIMIT", "MARKET", "STOP"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def _exchange_info(self, call: Call) -> Answer:
        return json_answer(
            {
                "timezone": "UTC",
                "serverTime": int(call.now * 1000),
                "futuresType": "U_MARGINED",
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
                ],
                "exchangeFilters": [],
                "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
                "symbols": self._symbols,
            }
        )

    def _book_ticker(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        touch, stamps = self.touch(quotes), quotes.ts.tolist()
        return self.rows(call, lambda number: touch(number) | {"time": stamps[number], "lastUpdateId": stamps[number]})

    def _day(self, call: Call) -> Answer:
        return self.rows(call, self.day(self.board.quotes(World.tick(call.now))))

    def _price(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        last, stamps = self.texts.prices(quotes.last), quotes.ts.tolist()
        return self.rows(
            call, lambda number: {"symbol": self.ids[number], "price": last[number], "time": stamps[number]}
        )

    def _premium_index(self, call: Call) -> Answer:
        funding = self.board.funding(World.tick(call.now))
        mark, index = self.texts.prices(funding.mark), self.texts.prices(funding.index)

        def row(number: int) -> dict[str, Any]:
            return {
                "symbol": self.ids[number],
                "markPrice": mark[number],
                "indexPrice": index[number],
                "estimatedSettlePrice": index[number],
                "lastFundingRate": f"{funding.rate[number]:.8f}",
                "interestRate": "0.00010000",
                "nextFundingTime": int(funding.next_ms[number]),
                "time": int(funding.ts[number]),
            }

        return self.rows(call, row)

    def _funding_info(self, call: Call) -> Answer:
        return json_answer(
            [
                {
                    "symbol": name,
                    "adjustedFundingRateCap": "0.03000000",
                    "adjustedFundingRateFloor": "-0.03000000",
                    "fundingIntervalHours": listing.place.interval_h,
                    "disclaimer": False,
                }
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
                {
                    "symbol": self.ids[number],
                    "fundingTime": stamp,
                    "fundingRate": f"{rate:.8f}",
                    "markPrice": self.texts.price(number, mark),
                }
                for stamp, rate, mark in settled
            ]
        )

    def _depth(self, call: Call) -> Answer:
        found = self.levels(call, MAX_DEPTH)
        if isinstance(found, Answer):
            return found
        _, bids, asks, stamp = found
        return json_answer({"lastUpdateId": stamp, "E": stamp, "T": stamp, "bids": bids, "asks": asks})
