"""api.gateio.ws, API v4: spot and USDT perpetuals, counted in contracts; contracts settled in BTC, dated futures and
options are known and empty.

https://www.gate.com/docs/developers/apiv4/en/
"""

from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of, step_text
from sandbox.market.board import Board
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_MAX_SPOT_BOOK = 1_000
_MAX_FUTURES_BOOK = 300
_MAX_HISTORY = 1_000
_MAX_BARS = 1_000
# Gate's own names of the chains.
_CHAINS = {"ERC20": "ETH", "BEP20": "BSC", "TRC20": "TRX"}


class _Markets:
    """Markets of one kind; sizes in contracts for perpetuals."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.texts = Texts(board)
        self.ids = [f"{each.base}_{each.quote}" for each in board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}

    def size(self, number: int, base_units: float) -> str:
        """A size in the exchange's own unit."""
        return self.texts.size(number, base_units / self.board.listings[number].contract_size)

    def asked(self, wanted: str | None) -> range | None:
        """The numbers of one market, or of all where none is named; None for a market that isn't there."""
        if wanted is None:
            return range(len(self.ids))
        number = self.numbers.get(wanted)
        return None if number is None else range(number, number + 1)


class Gate(ExchangeHost):
    """Gate's public v4 API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._spot = _Markets(world.board("gate", is_swap=False))
        self._swap = _Markets(world.board("gate", is_swap=True))
        self.live = {"/api/v4/spot/time": self._time}
        self.quiet = {
            "/api/v4/spot/currencies": self._currencies,
            "/api/v4/spot/currency_pairs": self._pairs,
            "/api/v4/margin/currency_pairs": _empty,
            "/api/v4/spot/tickers": self._spot_tickers,
            "/api/v4/spot/order_book": self._spot_book,
            "/api/v4/spot/candlesticks": self._spot_bars,
            "/api/v4/futures/usdt/candlesticks": self._swap_bars,
            "/api/v4/futures/usdt/contracts": self._contracts,
            "/api/v4/futures/btc/contracts": _empty,
            "/api/v4/futures/usdt/tickers": self._swap_tickers,
            "/api/v4/futures/btc/tickers": _empty,
            "/api/v4/futures/usdt/order_book": self._swap_book,
            "/api/v4/futures/usdt/funding_rate": self._funding_history,
            "/api/v4/delivery/usdt/contracts": _empty,
            "/api/v4/delivery/btc/contracts": _empty,
            "/api/v4/options/underlyings": _empty,
        }

    def unknown(self, call: Call) -> Answer:
        """Gate's own not found."""
        return _failure(404, "NOT_FOUND", "Not found")

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Gate's error body for the status."""
        label, message = {
            429: ("TOO_MANY_REQUESTS", "Request Rate limit Exceeded"),
            503: ("SERVER_ERROR", "Service is temporarily unavailable"),
        }.get(status, ("SERVER_ERROR", "Internal server error"))
        return orjson.dumps({"label": label, "message": message})

    def _currencies(self, call: Call) -> Answer:
        assets = {each.asset.name: each.asset for each in self._spot.board.listings}
        rows = []
        for name, asset in assets.items():
            chains = [
                {
                    "name": _CHAINS.get(network.chain, network.chain),
                    "addr": "",
                    "withdraw_disabled": not network.withdraw,
                    "withdraw_delayed": False,
                    "deposit_disabled": not network.deposit,
                }
                for network in networks_of("gate", asset)
            ]
            rows.append(
                {
                    "currency": name,
                    "name": name.title(),
                    "delisted": False,
                    "withdraw_disabled": all(chain["withdraw_disabled"] for chain in chains),
                    "withdraw_delayed": False,
                    "deposit_disabled": all(chain["deposit_disabled"] for chain in chains),
                    "trade_disabled": False,
                    "chain": chains[0]["name"] if chains else "",
                    "chains": chains,
                }
            )
        return json_answer(rows)

    def _pairs(self, call: Call) -> Answer:
        return json_answer([_pair(*each) for each in zip(self._spot.ids, self._spot.board.listings, strict=True)])

    def _spot_tickers(self, call: Call) -> Answer:
        numbers = self._spot.asked(call.query.get("currency_pair"))
        if numbers is None:
            return _no_pair(call)
        quotes = self._spot.board.quotes(World.tick(call.now))
        price, size = self._spot.texts.price, self._spot.texts.size
        rows = [
            {
                "currency_pair": self._spot.ids[number],
                "last": price(number, quotes.last[number]),
                "lowest_ask": price(number, quotes.ask[number]),
                "highest_bid": price(number, quotes.bid[number]),
                "change_percentage": f"{(quotes.last[number] / quotes.open[number] - 1) * 100:.2f}",
                "base_volume": size(number, quotes.volume[number]),
                "quote_volume": f"{quotes.turnover[number]:.6f}",
                "high_24h": price(number, quotes.high[number]),
                "low_24h": price(number, quotes.low[number]),
            }
            for number in numbers
        ]
        if len(rows) == 1:
            # How much stands at the best prices is told of one market alone, not of all of them.
            number = numbers[0]
            rows[0] |= {
                "lowest_size": size(number, quotes.ask_size[number]),
                "highest_size": size(number, quotes.bid_size[number]),
            }
        return json_answer(rows)

    def _spot_book(self, call: Call) -> Answer:
        number = self._spot.numbers.get(call.query.get("currency_pair", ""))
        if number is None:
            return _no_pair(call)
        book = self._spot.board.book(number, World.tick(call.now), limit_of(call, "limit", 10, _MAX_SPOT_BOOK))
        bids, asks = (
            [[self._spot.texts.price(number, price), self._spot.texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return json_answer({"id": book.ts, "current": book.ts, "update": book.ts, "asks": asks, "bids": bids})

    def _spot_bars(self, call: Call) -> Answer:
        """https://www.gate.com/docs/developers/apiv4/en/#market-k-line-chart"""
        number = self._spot.numbers.get(call.query.get("currency_pair", ""))
        step_s = STEPS.get(call.query.get("interval", "30m"))
        if number is None or step_s is None:
            return _no_pair(call)
        count = limit_of(call, "limit", 100, _MAX_BARS)
        bars = self._spot.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        texts = self._spot.texts
        rows = [
            [
                str(begin // 1000),
                f"{turnover:.8f}",
                *(texts.price(number, value) for value in (close, high, low, begun)),
                texts.size(number, volume),
                "true",
            ]
            for begin, begun, high, low, close, volume, turnover in bars.rows()
        ]
        rows[-1][-1] = "false"
        return json_answer(rows)

    def _swap_bars(self, call: Call) -> Answer:
        """https://www.gate.com/docs/developers/apiv4/en/#futures-market-k-line-chart"""
        number = self._swap.numbers.get(call.query.get("contract", ""))
        step_s = STEPS.get(call.query.get("interval", "5m"))
        if number is None or step_s is None:
            return _no_contract()
        count = limit_of(call, "limit", 100, _MAX_BARS)
        bars = self._swap.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        names = ("o", "h", "l", "c")
        return json_answer(
            [
                {
                    "t": begin // 1000,
                    **{name: self._swap.texts.price(number, value) for name, value in zip(names, prices, strict=True)},
                    "v": round(float(self._swap.size(number, volume))),
                    "sum": f"{turnover:.8f}",
                }
                for begin, *prices, volume, turnover in bars.rows()
            ]
        )

    def _contracts(self, call: Call) -> Answer:
        funding = self._swap.board.funding(World.tick(call.now))
        price = self._swap.texts.price
        rows = []
        for number, (name, listing) in enumerate(zip(self._swap.ids, self._swap.board.listings, strict=True)):
            rate = f"{funding.rate[number]:.6f}"
            rows.append(
                _contract(name, listing)
                | {
                    "mark_price": price(number, funding.mark[number]),
                    "index_price": price(number, funding.index[number]),
                    "last_price": price(number, funding.mark[number]),
                    "funding_rate": rate,
                    "funding_rate_indicative": rate,
                    "funding_interval": int(funding.interval_h[number]) * 3600 if listing.interval_known else 0,
                    "funding_next_apply": int(funding.next_ms[number]) // 1000,
                }
            )
        return json_answer(rows)

    def _swap_tickers(self, call: Call) -> Answer:
        numbers = self._swap.asked(call.query.get("contract"))
        if numbers is None:
            return _no_contract()
        at = World.tick(call.now)
        quotes, funding = self._swap.board.quotes(at), self._swap.board.funding(at)
        price, size = self._swap.texts.price, self._swap.size
        return json_answer(
            [
                {
                    "contract": self._swap.ids[number],
                    "last": price(number, quotes.last[number]),
                    "low_24h": price(number, quotes.low[number]),
                    "high_24h": price(number, quotes.high[number]),
                    "change_percentage": f"{(quotes.last[number] / quotes.open[number] - 1) * 100:.2f}",
                    "total_size": size(number, quotes.volume[number] / 3),
                    "volume_24h": size(number, quotes.volume[number]),
                    "volume_24h_base": f"{quotes.volume[number]:.0f}",
                    "volume_24h_quote": f"{quotes.turnover[number]:.0f}",
                    "volume_24h_settle": f"{quotes.turnover[number]:.0f}",
                    "mark_price": price(number, funding.mark[number]),
                    "funding_rate": f"{funding.rate[number]:.6f}",
                    "funding_rate_indicative": f"{funding.rate[number]:.6f}",
                    "index_price": price(number, funding.index[number]),
                    "quanto_base_rate": "",
                    "lowest_ask": price(number, quotes.ask[number]),
                    "lowest_size": size(number, quotes.ask_size[number]),
                    "highest_bid": price(number, quotes.bid[number]),
                    "highest_size": size(number, quotes.bid_size[number]),
                }
                for number in numbers
            ]
        )

    def _swap_book(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("contract", ""))
        if number is None:
            return _no_contract()
        book = self._swap.board.book(number, World.tick(call.now), limit_of(call, "limit", 10, _MAX_FUTURES_BOOK))
        bids, asks = (
            [
                {"p": self._swap.texts.price(number, price), "s": int(self._swap.size(number, size))}
                for price, size in side
            ]
            for side in (book.bids, book.asks)
        )
        moment = book.ts / 1000
        return json_answer({"id": book.ts, "current": moment, "update": moment, "asks": asks, "bids": bids})

    def _funding_history(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("contract", ""))
        if number is None:
            return _no_contract()
        settled = self._swap.board.settled(number, call.now, limit_of(call, "limit", 100, _MAX_HISTORY))
        return json_answer([{"r": f"{rate:.6f}", "t": stamp // 1000} for stamp, rate, _ in reversed(settled)])

    def _time(self, call: Call) -> Answer:
        return json_answer({"server_time": int(call.now * 1000)})


def _empty(_: Call) -> Answer:
    return json_answer([])


def _failure(status: int, label: str, message: str) -> Answer:
    return json_answer({"label": label, "message": message}, status)


def _no_pair(call: Call) -> Answer:
    return _failure(400, "INVALID_CURRENCY_PAIR", f"Invalid currency pair {call.query.get('currency_pair')}")


def _no_contract() -> Answer:
    return _failure(400, "CONTRACT_NOT_FOUND", "CONTRACT_NOT_FOUND")


def _pair(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "id": name,
        "base": listing.base,
        "base_name": listing.base.title(),
        "quote": listing.quote,
        "quote_name": listing.quote.title(),
        # In per cent.
        "fee": "0.2",
        "min_base_amount": step_text(listing.step_dp),
        "min_quote_amount": "3",
        "max_quote_amount": "5000000",
        "amount_precision": listing.step_dp,
        "precision": listing.price_dp,
        "trade_status": "tradable" if listing.place.active else "untradable",
        "sell_start": 0,
        "buy_start": 0,
        "type": "normal",
    }


def _contract(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "name": name,
        "type": "direct",
        "quanto_multiplier": f"{listing.contract_size:.12f}".rstrip("0").rstrip("."),
        "leverage_min": "1",
        "leverage_max": "50",
        "maintenance_rate": "0.005",
        "mark_type": "index",
        # What a maker or taker without a tier would pay; nobody does.
        "maker_fee_rate": "-0.0001",
        "taker_fee_rate": "0.00075",
        "order_price_round": step_text(listing.price_dp),
        "mark_price_round": step_text(listing.price_dp),
        "order_price_deviate": "0.5",
        "order_size_min": 1,
        "order_size_max": 1_000_000,
        "orders_limit": 50,
        "enable_decimal": False,
        "funding_offset": 0,
        "interest_rate": "0.0003",
        "in_delisting": False,
        "status": "trading" if listing.place.active else "suspend",
        "create_time": 1_546_905_600,
    }
