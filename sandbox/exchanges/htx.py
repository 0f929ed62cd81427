"""api.huobi.pro: HTX's spot market; api.hbdm.com and api.hbdm.vn: its USDT-margined perpetuals, counted in contracts.

https://huobiapi.github.io/docs/spot/v1/en/
https://huobiapi.github.io/docs/usdt_swap/v1/en/
"""

import math
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import ExchangeHost, Texts, limit_of
from sandbox.market.board import Board
from sandbox.market.listing import Listing
from sandbox.market.networks import Network, networks_of
from sandbox.market.world import World

_MAX_KLINES = 2_000
_PERIODS = {"1min": 60, "5min": 300, "15min": 900, "30min": 1_800, "60min": 3_600, "4hour": 14_400, "1day": 86_400}
# Merged depth has 150 levels, spot gives fewer on request; there are no others.
_LEVELS = 150


class _HtxHost(ExchangeHost):
    """What both hosts share: numbers as numbers, and HTX's words for errors."""

    def __init__(self, board: Board, ids: list[str]) -> None:
        super().__init__()
        self.board = board
        self.texts = Texts(board)
        self.ids = ids
        self.numbers = {name: number for number, name in enumerate(ids)}

    def unknown(self, call: Call) -> Answer:
        """HTX's own not found."""
        return json_answer({"status": "error", "err-code": "not-found", "err-msg": "404 Not Found", "data": None}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """HTX's error body for the status."""
        code, message = {
            429: ("rate-too-many-requests", "exceeded rate limit"),
            503: ("system-maintenance", "System is in maintenance!"),
        }.get(status, ("gateway-internal-error", "Failed to load data. Try again later."))
        return orjson.dumps({"status": "error", "err-code": code, "err-msg": message, "data": None})

    def price(self, number: int, value: float) -> float | None:
        """A price as a JSON number with the market's decimals; there is no number for none."""
        return None if math.isnan(value) else float(self.texts.price(number, value))

    def klines(self, call: Call, named: str) -> Answer:
        """Bars, newest first, of the market in query field `named`.

        https://www.htx.com/en-us/opend/newApiPages/?id=7ec4a4da-7773-11ed-9966-0242ac110003"""
        number = self.numbers.get(call.query.get(named, ""))
        step_s = _PERIODS.get(call.query.get("period", ""))
        if number is None or step_s is None:
            refusal = {"status": "error", "err-code": "invalid-parameter", "err-msg": f"invalid {named}"}
            return json_answer({"ts": int(call.now * 1000), **refusal})
        count = limit_of(call, "size", 150, _MAX_KLINES)
        bars = self.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        names = ("open", "high", "low", "close")
        rows = [
            {
                "id": begin // 1000,
                **{name: self.price(number, value) for name, value in zip(names, prices, strict=True)},
                "amount": round(volume, 8),
                "vol": round(turnover, 8),
                "count": 4 * step_s // 60,
            }
            for begin, *prices, volume, turnover in bars.rows()
        ]
        return json_answer({"status": "ok", "ts": int(call.now * 1000), "data": rows[::-1]})


class HtxSpot(_HtxHost):
    """The spot host."""

    def __init__(self, world: World) -> None:
        board = world.board("htx", is_swap=False)
        super().__init__(board, [f"{each.base}{each.quote}".lower() for each in board.listings])
        self._symbols = orjson.Fragment(orjson.dumps([_symbol(each) for each in board.listings]))
        self._currencies = orjson.Fragment(orjson.dumps(_currencies(board)))
        self.live = {"/v1/common/timestamp": self._time, "/v2/market-status": self._status}
        self.quiet = {
            "/v1/common/symbols": self._common_symbols,
            "/v2/reference/currencies": self._reference_currencies,
            "/market/tickers": self._tickers,
            "/market/depth": self._depth,
            "/market/history/candles": lambda call: self.klines(call, "symbol"),
        }

    def _time(self, call: Call) -> Answer:
        return json_answer({"status": "ok", "data": int(call.now * 1000)})

    def _status(self, call: Call) -> Answer:
        return json_answer({"code": 200, "message": "success", "data": {"marketStatus": 1}})

    def _common_symbols(self, call: Call) -> Answer:
        return json_answer({"status": "ok", "data": self._symbols})

    def _reference_currencies(self, call: Call) -> Answer:
        return json_answer({"code": 200, "data": self._currencies})

    def _tickers(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        rows = [
            {
                "symbol": name,
                "open": self.price(number, quotes.open[number]),
                "high": self.price(number, quotes.high[number]),
                "low": self.price(number, quotes.low[number]),
                "close": self.price(number, quotes.last[number]),
                "amount": float(self.texts.size(number, quotes.volume[number])),
                "vol": round(float(quotes.turnover[number]), 8),
                "count": 1000,
                "bid": self.price(number, quotes.bid[number]),
                "bidSize": float(self.texts.size(number, quotes.bid_size[number])),
                "ask": self.price(number, quotes.ask[number]),
                "askSize": float(self.texts.size(number, quotes.ask_size[number])),
            }
            for number, name in enumerate(self.ids)
        ]
        return json_answer({"status": "ok", "ts": int(call.now * 1000), "data": rows})

    def _depth(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return json_answer(
                {
                    "ts": int(call.now * 1000),
                    "status": "error",
                    "err-code": "invalid-parameter",
                    "err-msg": "invalid symbol",
                }
            )
        book = self.board.book(number, World.tick(call.now), limit_of(call, "depth", _LEVELS, _LEVELS))
        bids, asks = (
            [[self.price(number, price), float(self.texts.size(number, size))] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return json_answer(
            {
                "ch": f"market.{self.ids[number]}.depth.step0",
                "status": "ok",
                "ts": int(call.now * 1000),
                "tick": {"ts": book.ts, "version": book.ts, "bids": bids, "asks": asks},
            }
        )


class HtxContracts(_HtxHost):
    """The host of the contracts; sizes are whole contracts."""

    def __init__(self, world: World) -> None:
        board = world.board("htx", is_swap=True)
        super().__init__(board, [f"{each.base}-{each.quote}" for each in board.listings])
        self.live = {"/api/v1/timestamp": self._time, "/heartbeat/": self._heartbeat}
        self.quiet = {
            "/linear-swap-api/v1/swap_contract_info": self._contract_info,
            "/linear-swap-api/v1/swap_batch_funding_rate": self._funding,
            "/linear-swap-ex/market/detail/batch_merged": self._tickers,
            "/linear-swap-ex/market/depth": self._depth,
            "/linear-swap-ex/market/history/kline": lambda call: self.klines(call, "contract_code"),
            "/v5/market/funding_rate": self._funding_v5,
            "/v5/market/funding_rate_history": self._funding_history,
        }

    def _time(self, call: Call) -> Answer:
        return json_answer({"status": "ok", "ts": int(call.now * 1000)})

    def _heartbeat(self, call: Call) -> Answer:
        return _told(call, {"heartbeat": 1, "swap_heartbeat": 1, "linear_swap_heartbeat": 1})

    def _contract_info(self, call: Call) -> Answer:
        return _told(call, [_contract(name, each) for name, each in zip(self.ids, self.board.listings, strict=True)])

    def _funding(self, call: Call) -> Answer:
        """The rate of the running period and its end; the fields after it are deprecated and empty."""
        funding = self.board.funding(World.tick(call.now))
        rows = [
            {
                "estimated_rate": None,
                "funding_rate": f"{funding.rate[number]:.18f}",
                "contract_code": name,
                "symbol": self.board.listings[number].base,
                "fee_asset": self.board.listings[number].quote,
                "funding_time": str(int(funding.next_ms[number])),
                "next_funding_time": None,
                "trade_partition": self.board.listings[number].quote,
            }
            for number, name in enumerate(self.ids)
        ]
        return _told(call, rows)

    def _funding_v5(self, call: Call) -> Answer:
        numbers = [self.numbers.get(name) for name in call.query.get("contract_code", "").split(",")]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            return _v5(call, 1066, "The contract_code field is invalid. Please re-enter.", None)
        funding = self.board.funding(World.tick(call.now))
        rows = [
            {
                "contract_code": self.ids[number],
                "funding_rate": f"{funding.rate[number]:.18f}",
                "funding_time": str(int(funding.next_ms[number])),
                "next_funding_time": str(
                    int(funding.next_ms[number]) + self.board.listings[number].place.interval_h * 3_600_000
                ),
                "min_funding_rate": "-0.003750000000000000",
                "max_funding_rate": "0.003750000000000000",
            }
            for number in known
        ]
        return _v5(call, 200, "Success", rows)

    def _funding_history(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("contract_code", ""))
        if number is None:
            return _v5(call, 1066, "The contract_code field is invalid. Please re-enter.", None)
        settled = self.board.settled(number, call.now, limit_of(call, "limit", 20, 100))
        since = call.query.get("start_time", "0")
        rows = [
            {
                "id": str(stamp),
                "contract_code": self.ids[number],
                "funding_rate": f"{rate:.18f}",
                "funding_time": str(stamp),
            }
            for stamp, rate, _ in reversed(settled)
            if stamp >= int(since)
        ]
        return _v5(call, 200, "Success", rows)

    def _tickers(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        rows = [
            {
                "id": int(call.now),
                "ts": int(quotes.ts[number]),
                "ask": [self.price(number, quotes.ask[number]), self._contracts(number, quotes.ask_size[number])],
                "bid": [self.price(number, quotes.bid[number]), self._contracts(number, quotes.bid_size[number])],
                "business_type": "swap",
                "contract_code": name,
                "open": self.texts.price(number, quotes.open[number]),
                "close": self.texts.price(number, quotes.last[number]),
                "low": self.texts.price(number, quotes.low[number]),
                "high": self.texts.price(number, quotes.high[number]),
                "amount": f"{quotes.volume[number]:.8f}",
                "count": 1000,
                "vol": str(self._contracts(number, quotes.volume[number])),
                "trade_turnover": f"{quotes.turnover[number]:.8f}",
                "trade_partition": self.board.listings[number].quote,
            }
            for number, name in enumerate(self.ids)
        ]
        return json_answer({"status": "ok", "ts": int(call.now * 1000), "ticks": rows})

    def _depth(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("contract_code", ""))
        if number is None:
            return json_answer(
                {
                    "status": "error",
                    "err_code": 1332,
                    "err_msg": "The contract doesn't exist.",
                    "ts": int(call.now * 1000),
                }
            )
        book = self.board.book(number, World.tick(call.now), _LEVELS)
        bids, asks = (
            [[self.price(number, price), self._contracts(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return json_answer(
            {
                "ch": f"market.{self.ids[number]}.depth.step0",
                "status": "ok",
                "ts": int(call.now * 1000),
                "tick": {"ts": book.ts, "version": book.ts, "bids": bids, "asks": asks},
            }
        )

    def _contracts(self, number: int, base_units: float) -> int:
        return round(float(base_units) / self.board.listings[number].contract_size)


def _told(call: Call, data: Any) -> Answer:
    return json_answer({"status": "ok", "data": data, "ts": int(call.now * 1000)})


def _v5(call: Call, code: int, message: str, data: Any) -> Answer:
    return json_answer({"code": code, "message": message, "data": data, "ts": int(call.now * 1000)})


def _symbol(listing: Listing) -> dict[str, Any]:
    least = 10.0**-listing.step_dp
    return {
        "base-currency": listing.base.lower(),
        "quote-currency": listing.quote.lower(),
        "price-precision": listing.price_dp,
        "amount-precision": listing.step_dp,
        "symbol-partition": "main",
        "symbol": f"{listing.base}{listing.quote}".lower(),
        "state": "online" if listing.place.active else "suspend",
        "value-precision": 8,
        "min-order-amt": least,
        "max-order-amt": 9_000_000_000,
        "min-order-value": 5,
        "limit-order-min-order-amt": least,
        "limit-order-max-order-amt": 9_000_000_000,
        "sell-market-min-order-amt": least,
        "api-trading": "enabled",
        "tags": "",
    }


def _contract(name: str, listing: Listing) -> dict[str, Any]:
    contract = {
        "symbol": listing.base,
        "contract_code": name,
        "contract_size": listing.contract_size,
        "price_tick": 10.0**-listing.price_dp,
        "delivery_date": "",
        "delivery_time": "",
        "create_date": "20201021",
        "contract_status": 1 if listing.place.active else 3,
        "settlement_date": "1784880000000",
        "support_margin_mode": "all",
        "business_type": "swap",
        "pair": name,
        "contract_type": "swap",
        "trade_partition": listing.quote,
    }
    return contract | ({"settlement_period": str(listing.place.interval_h)} if listing.interval_known else {})


def _currencies(board: Board) -> list[dict[str, Any]]:
    assets = {each.asset.name: each.asset for each in board.listings}
    return [
        {
            "currency": name.lower(),
            "assetType": 1,
            "chains": [_chain(name.lower(), network) for network in networks_of("htx", asset)],
            "instStatus": "normal",
        }
        for name, asset in assets.items()
    ]


# How HTX names the chains that ccxt calls so.
_CHAINS = {"ERC20": "ETH", "BEP20": "BSC", "TRC20": "TRX", "SOL": "SOLANA"}


def _chain(currency: str, network: Network) -> dict[str, Any]:
    base_chain = _CHAINS.get(network.chain, network.chain)
    return {
        "chain": f"{network.chain.lower()}{currency}",
        "displayName": network.chain,
        "baseChain": base_chain,
        "baseChainProtocol": network.chain,
        "isDynamic": False,
        "depositStatus": "allowed" if network.deposit else "prohibited",
        "minDepositAmt": "0",
        "withdrawStatus": "allowed" if network.withdraw else "prohibited",
        "minWithdrawAmt": f"{network.fee:.12f}",
        "withdrawPrecision": 8,
        "maxWithdrawAmt": "10000000.000000000000000000",
        "withdrawFeeType": "fixed",
        "transactFeeWithdraw": f"{network.fee:.12f}",
        "addrWithTag": False,
        "addrDepositTag": False,
    }
