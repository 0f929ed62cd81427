"""api.hyperliquid.xyz: USDC perpetuals. Everything is a POST to /info whose body says what is asked.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals
Prices have one digit more than the real exchange's five, so that its spreads are like everybody's.
"""

from typing import Any

import orjson

from sandbox.calls import Answer, Call, Route, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, bars_since
from sandbox.market.board import Quotes
from sandbox.market.world import World

_MAX_CANDLES = 5_000
# The book has never more.
_LEVELS = 20
_HISTORY = 500
# What a taker gets for so many dollars is what the exchange shows as bid and ask.
# https://hyperliquid.gitbook.io/hyperliquid-docs/trading/contract-specifications ("impact notional")
IMPACT_USD = {"BTC": 20_000.0, "ETH": 20_000.0}
USUAL_IMPACT_USD = 6_000.0


class Hyperliquid(ExchangeHost):
    """Hyperliquid's info endpoint."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.live: dict[str, Route] = {}
        self.board = world.board("hyperliquid", is_swap=True)
        self.texts = Texts(self.board)
        self.coins = [each.base for each in self.board.listings]
        self.numbers = {name: number for number, name in enumerate(self.coins)}
        self.quiet = {"/info": self._info}
        self._universe = [
            {"szDecimals": each.step_dp, "name": each.base, "maxLeverage": 40, "marginTableId": 40}
            | ({} if each.place.active else {"isDelisted": True})
            for each in self.board.listings
        ]
        self._kinds = {
            "meta": self._meta,
            "metaAndAssetCtxs": self._meta_and_contexts,
            "spotMeta": self._spot_meta,
            "spotMetaAndAssetCtxs": self._spot_meta_and_contexts,
            "perpDexs": self._dexs,
            "allMids": self._mids,
            "l2Book": self._book,
            "candleSnapshot": self._candles,
            "fundingHistory": self._funding_history,
            "exchangeStatus": self._status,
        }

    def asked(self, call: Call) -> str:
        """The body: the query is always empty."""
        return call.body.decode(errors="replace")

    def unknown(self, call: Call) -> Answer:
        """A bare 404."""
        return Answer(404, b"", {"Content-Type": "text/plain"})

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Nothing but the status: the exchange sends `null`."""
        return b"null"

    def _info(self, call: Call) -> Answer:
        try:
            wanted = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            wanted = None
        answer = self._kinds.get(wanted.get("type", "")) if isinstance(wanted, dict) else None
        if answer is None or call.method != "POST":
            text = b"Failed to deserialize the JSON body into the target type"
            return Answer(422, text, {"Content-Type": "text/plain; charset=utf-8"})
        return answer(wanted, call.now)

    def _meta(self, wanted: dict[str, Any], now: float) -> Answer:
        return json_answer({"universe": self._universe, "marginTables": [], "collateralToken": 0})

    def _meta_and_contexts(self, wanted: dict[str, Any], now: float) -> Answer:
        at = World.tick(now)
        quotes, funding, price = self.board.quotes(at), self.board.funding(at), self.texts.price
        contexts = [
            {
                "funding": f"{funding.rate[number]:.10f}",
                "openInterest": self.texts.size(number, quotes.volume[number] / 3),
                "prevDayPx": price(number, quotes.open[number]),
                "dayNtlVlm": f"{quotes.turnover[number]:.4f}",
                "premium": f"{funding.mark[number] / funding.index[number] - 1:.10f}",
                "oraclePx": price(number, funding.index[number]),
                "markPx": price(number, funding.mark[number]),
                "midPx": price(number, quotes.mid[number]),
                "impactPxs": self._impact(number, at, quotes),
                "dayBaseVlm": self.texts.size(number, quotes.volume[number]),
            }
            for number in range(len(self.coins))
        ]
        meta = {"universe": self._universe, "marginTables": [], "collateralToken": 0}
        return json_answer([meta, contexts])

    def _impact(self, number: int, at: float, quotes: Quotes) -> list[str]:
        """The average price at which the impact notional is sold and bought."""
        notional = IMPACT_USD.get(self.coins[number], USUAL_IMPACT_USD)
        bid, ask = float(quotes.bid[number]), float(quotes.ask[number])
        if min(bid * quotes.bid_size[number], ask * quotes.ask_size[number]) < notional:
            book = self.board.book(number, at, _LEVELS)
            bid, ask = _average(book.bids, notional), _average(book.asks, notional)
        return [self.texts.price(number, bid), self.texts.price(number, ask)]

    def _spot_meta(self, wanted: dict[str, Any], now: float) -> Answer:
        return json_answer({"universe": [], "tokens": [_USDC]})

    def _spot_meta_and_contexts(self, wanted: dict[str, Any], now: float) -> Answer:
        return json_answer([{"universe": [], "tokens": [_USDC]}, []])

    def _dexs(self, wanted: dict[str, Any], now: float) -> Answer:
        return json_answer([None])

    def _mids(self, wanted: dict[str, Any], now: float) -> Answer:
        mids = self.texts.prices(self.board.quotes(World.tick(now)).mid)
        return json_answer(dict(zip(self.coins, mids, strict=True)))

    def _book(self, wanted: dict[str, Any], now: float) -> Answer:
        number = self.numbers.get(str(wanted.get("coin")))
        if number is None:
            return Answer(500, b"null")
        book = self.board.book(number, World.tick(now), _LEVELS)
        levels = [
            [
                {"px": self.texts.price(number, price), "sz": self.texts.size(number, size), "n": 1}
                for price, size in side
            ]
            for side in (book.bids, book.asks)
        ]
        return json_answer({"coin": self.coins[number], "time": book.ts, "levels": levels})

    def _candles(self, wanted: dict[str, Any], now: float) -> Answer:
        """https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint#candle-snapshot"""
        asked = wanted.get("req")
        number = self.numbers.get(str(asked.get("coin"))) if isinstance(asked, dict) else None
        step_s = STEPS.get(str(asked.get("interval"))) if isinstance(asked, dict) else None
        if number is None or step_s is None or not isinstance(asked, dict):
            return Answer(500, b"null")
        count = bars_since(str(int(asked.get("startTime", 0)) // 1000), step_s, now, _MAX_CANDLES)
        bars = self.board.klines(number, step_s=step_s, count=count, now=World.tick(now))
        names = ("o", "h", "l", "c")
        return json_answer(
            [
                {
                    "t": begin,
                    "T": begin + step_s * 1000 - 1,
                    "s": self.coins[number],
                    "i": asked["interval"],
                    **{name: self.texts.price(number, value) for name, value in zip(names, prices, strict=True)},
                    "v": self.texts.size(number, volume),
                    "n": 4 * step_s // 60,
                }
                for begin, *prices, volume, _ in bars.rows()
            ]
        )

    def _funding_history(self, wanted: dict[str, Any], now: float) -> Answer:
        number = self.numbers.get(str(wanted.get("coin")))
        if number is None:
            return Answer(500, b"null")
        since = int(wanted.get("startTime", 0))
        rows = [
            {"coin": self.coins[number], "fundingRate": f"{rate:.10f}", "premium": "0.0", "time": stamp}
            for stamp, rate, _ in self.board.settled(number, now, _HISTORY)
            if stamp >= since
        ]
        return json_answer(rows)

    def _status(self, wanted: dict[str, Any], now: float) -> Answer:
        return json_answer({"time": int(now * 1000), "specialStatuses": None})


_USDC = {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "isCanonical": True, "fullName": None}


def _average(side: list[tuple[float, float]], notional: float) -> float:
    """Price per unit when `notional` is traded down the levels (all of them where there are not enough)."""
    left, units = notional, 0.0
    for price, size in side:
        taken = min(size, left / price)
        units += taken
        left -= taken * price
    return (notional - left) / units if units else float("nan")
