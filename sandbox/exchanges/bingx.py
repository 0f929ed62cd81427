"""open-api.bingx.com: spot and USDT-margined perpetuals, sizes in base units; coin-margined contracts are known and
empty. Every call carries a `timestamp`.

https://bingx-api.github.io/docs-v3/
"""

from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Board, Klines
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_MAX_BARS = 1_440
_API = "/openApi"
_MAX_DEPTH = 1_000


class _Kind:
    """Markets of one type and how they are worded."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.texts = Texts(board)
        self.ids = [f"{each.base}-{each.quote}" for each in board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}

    def day(self, number: int, at: float) -> dict[str, Any]:
        """A row of the last 24 h."""
        quotes, price, size = self.board.quotes(at), self.texts.price, self.texts.size
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        return {
            "symbol": self.ids[number],
            "priceChange": price(number, last - opened),
            "priceChangePercent": f"{(last / opened - 1) * 100:.2f}%",
            "lastPrice": price(number, last),
            "highPrice": price(number, quotes.high[number]),
            "lowPrice": price(number, quotes.low[number]),
            "volume": size(number, quotes.volume[number]),
            "quoteVolume": f"{quotes.turnover[number]:.2f}",
            "openPrice": price(number, opened),
            "openTime": int(quotes.ts[number]) - 86_400_000,
            "closeTime": int(quotes.ts[number]),
            "bidPrice": price(number, quotes.bid[number]),
            "bidQty": size(number, quotes.bid_size[number]),
            "askPrice": price(number, quotes.ask[number]),
            "askQty": size(number, quotes.ask_size[number]),
        }

    def levels(self, call: Call) -> tuple[list[list[str]], list[list[str]], int] | None:
        """Bids, asks and time (Unix ms) of the book asked for; None for a symbol that is not listed."""
        number = self.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return None
        book = self.board.book(number, World.tick(call.now), limit_of(call, "limit", 20, _MAX_DEPTH))
        bids, asks = (
            [[self.texts.price(number, price), self.texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return bids, asks, book.ts

    def bars(self, call: Call) -> tuple[int, int, Klines] | None:
        """Number, length (s) and bars asked for; None for a symbol or a length that there is not."""
        number, step_s = self.numbers.get(call.query.get("symbol", "")), STEPS.get(call.query.get("interval", ""))
        if number is None or step_s is None:
            return None
        count = limit_of(call, "limit", 500, _MAX_BARS)
        return number, step_s, self.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))


class Bingx(ExchangeHost):
    """BingX's public API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._spot = _Kind(world.board("bingx", is_swap=False))
        self._swap = _Kind(world.board("bingx", is_swap=True))
        self._symbols = [_symbol(each) for each in self._spot.board.listings]
        self._contracts = [_contract(str(number), each) for number, each in enumerate(self._swap.board.listings, 100)]
        self._coins = orjson.Fragment(orjson.dumps(_coins(self._spot.board)))
        self.live = {
            f"{_API}/swap/v2/server/time": self._time,
            f"{_API}/spot/v1/server/time": self._time,
            f"{_API}/wallets/v1/capital/config/getall": self._all_coins,
            f"{_API}/v1/account/apiPermissions": self._permissions,
        }
        self.quiet = {
            f"{_API}/spot/v1/common/symbols": self._common_symbols,
            f"{_API}/spot/v1/ticker/24hr": self._spot_day,
            f"{_API}/spot/v1/market/depth": self._spot_depth,
            f"{_API}/spot/v1/market/kline": self._spot_bars,
            f"{_API}/swap/v3/quote/klines": self._swap_bars,
            f"{_API}/swap/v2/quote/contracts": self._quote_contracts,
            f"{_API}/swap/v2/quote/ticker": self._swap_day,
            f"{_API}/swap/v2/quote/depth": self._swap_depth,
            f"{_API}/swap/v2/quote/premiumIndex": self._premium_index,
            f"{_API}/swap/v2/quote/fundingRate": self._funding_history,
            f"{_API}/cswap/v1/market/contracts": self._no_coin_margined,
        }

    def asked(self, call: Call) -> str:
        """The query without its time, which differs in every call."""
        return "&".join(part for part in call.raw_query.split("&") if not part.startswith("timestamp="))

    def unknown(self, call: Call) -> Answer:
        """BingX's own not found."""
        return _failure(100400, "this api is not exist, please refer to the API docs", call)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """BingX's error body for the status."""
        code, message = {
            429: (100410, "rate limited, please try again later"),
            503: (100500, "The current system is busy, please try again later"),
        }.get(status, (100500, "Internal system error"))
        return orjson.dumps({"code": code, "msg": message, "data": {}})

    def _time(self, call: Call) -> Answer:
        return _success({"serverTime": int(call.now * 1000)}, call)

    def _common_symbols(self, call: Call) -> Answer:
        return _success({"symbols": self._symbols}, call)

    def _quote_contracts(self, call: Call) -> Answer:
        return _success(self._contracts, call)

    def _no_coin_margined(self, call: Call) -> Answer:
        return _success([], call)

    def _all_coins(self, call: Call) -> Answer:
        """Deposits and withdrawals by network, for holders of a key only."""
        return _key_refusal(call) or _success(self._coins, call)

    def _permissions(self, call: Call) -> Answer:
        """What the key may do: 1 spot trading, 2 reading, 3 perpetual trading, 5 withdrawal.

        https://bingx-api.github.io/docs-v3/#/en/Account%20and%20Wallet/Sub-account%20Management"""
        key = call.headers.get("X-BX-APIKEY", "")
        may = {"read": [2], "trade": [1, 2, 3], "withdraw": [1, 2, 3, 5]}.get(key_kind("bingx", key), [])
        return _key_refusal(call) or json_answer(
            {"apiKey": key, "note": "sandbox", "permissions": may, "ipAddresses": []}
        )

    def _spot_day(self, call: Call) -> Answer:
        at = World.tick(call.now)
        return _success([self._spot.day(number, at) for number in _numbers(self._spot, call)], call)

    def _swap_day(self, call: Call) -> Answer:
        at = World.tick(call.now)
        texts, quotes = self._swap.texts, self._swap.board.quotes(at)
        rows = [
            # Only perpetuals tell the last trade's size, and ccxt knows them by it.
            self._swap.day(number, at) | {"lastQty": texts.size(number, quotes.bid_size[number])}
            for number in _numbers(self._swap, call)
        ]
        return _success(rows if "symbol" not in call.query else rows[0] if rows else {}, call)

    def _spot_depth(self, call: Call) -> Answer:
        found = self._spot.levels(call)
        if found is None:
            return _no_such_pair(call)
        bids, asks, stamp = found
        return _success({"bids": bids, "asks": asks, "ts": stamp, "lastUpdateId": stamp}, call)

    def _swap_depth(self, call: Call) -> Answer:
        found = self._swap.levels(call)
        if found is None:
            return _no_such_pair(call)
        bids, asks, stamp = found
        return _success({"T": stamp, "bids": bids, "asks": asks, "bidsCoin": bids, "asksCoin": asks}, call)

    def _spot_bars(self, call: Call) -> Answer:
        """Newest first. https://bingx-api.github.io/docs-v3/#/en/Spot/Market%20Data/Kline/Candlestick%20Data"""
        found = self._spot.bars(call)
        if found is None:
            return _no_such_pair(call)
        number, step_s, bars = found
        texts = self._spot.texts
        rows = [
            [
                begin,
                *(float(texts.price(number, value)) for value in prices),
                round(volume, 8),
                begin + step_s * 1000 - 1,
                round(turnover, 8),
            ]
            for begin, *prices, volume, turnover in bars.rows()
        ]
        return _success(rows[::-1], call)

    def _swap_bars(self, call: Call) -> Answer:
        """Newest first. https://bingx-api.github.io/docs-v3/#/en/Swap/Market%20Data/Kline/Candlestick%20Data"""
        found = self._swap.bars(call)
        if found is None:
            return _no_such_pair(call)
        number, _, bars = found
        texts, names = self._swap.texts, ("open", "high", "low", "close")
        rows = [
            {name: texts.price(number, value) for name, value in zip(names, prices, strict=True)}
            | {"volume": texts.size(number, volume), "time": begin}
            for begin, *prices, volume, _ in bars.rows()
        ]
        return _success(rows[::-1], call)

    def _premium_index(self, call: Call) -> Answer:
        board, texts = self._swap.board, self._swap.texts
        funding = board.funding(World.tick(call.now))
        rows = []
        for number in _numbers(self._swap, call):
            listing = board.listings[number]
            row = {
                "symbol": self._swap.ids[number],
                "markPrice": texts.price(number, funding.mark[number]),
                "indexPrice": texts.price(number, funding.index[number]),
                "lastFundingRate": f"{funding.rate[number]:.8f}",
                "nextFundingTime": int(funding.next_ms[number]),
                # When the running period began, as in the documentation's example.
                "updateTime": int(funding.next_ms[number]) - listing.place.interval_h * 3_600_000,
            }
            rows.append(row | ({"fundingIntervalHours": listing.place.interval_h} if listing.interval_known else {}))
        return _success(rows if "symbol" not in call.query else rows[0] if rows else {}, call)

    def _funding_history(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _no_such_pair(call)
        settled = self._swap.board.settled(number, call.now, limit_of(call, "limit", 100, 1_000))
        since = int(call.query.get("startTime", "0"))
        rows = [
            {"symbol": self._swap.ids[number], "fundingRate": f"{rate:.8f}", "fundingTime": stamp}
            for stamp, rate, _ in reversed(settled)
            if stamp >= since
        ]
        return _success(rows, call)


def _numbers(kind: _Kind, call: Call) -> range:
    """The markets asked for: all, or the one of `symbol`."""
    if "symbol" not in call.query:
        return range(len(kind.ids))
    number = kind.numbers.get(call.query["symbol"])
    return range(0) if number is None else range(number, number + 1)


def _success(data: Any, call: Call) -> Answer:
    return json_answer({"code": 0, "msg": "", "timestamp": int(call.now * 1000), "data": data})


def _failure(code: int, message: str, call: Call) -> Answer:
    return json_answer({"code": code, "msg": message, "timestamp": int(call.now * 1000), "data": {}})


def _no_such_pair(call: Call) -> Answer:
    return _failure(109425, f"{call.query.get('symbol', '')} not exist, please verify it in api", call)


def _key_refusal(call: Call) -> Answer | None:
    """BingX's refusal of a signed call; None where key and signature are good.

    https://bingx-api.github.io/docs-v3/#/en/Quick%20Start/Signature%20Authentication"""
    kind = key_kind("bingx", call.headers.get("X-BX-APIKEY", ""))
    if kind in ("", "bound"):
        return _failure(100413, "Incorrect apiKey", call)
    signed, _, signature = call.raw_query.rpartition("&signature=")
    if not is_signed(signed, signature, demo_key("bingx", kind)["secret"]):
        return _failure(100001, "Signature verification failed due to signature mismatch", call)
    return None


def _coins(board: Board) -> list[dict[str, Any]]:
    assets = {each.asset.name: each.asset for each in board.listings}
    return [
        {
            "coin": name,
            "name": name,
            "networkList": [
                {
                    "name": name,
                    "network": network.chain,
                    "isDefault": number == 0,
                    "minConfirm": 2,
                    "withdrawEnable": network.withdraw,
                    "depositEnable": network.deposit,
                    "withdrawFee": f"{network.fee:.12f}",
                    "withdrawMax": "10000000",
                    "withdrawMin": f"{network.fee * 2:.12f}",
                    "depositMin": "0",
                    "withdrawPrecision": 8,
                    "depositPrecision": 8,
                    "contractAddress": "",
                    "needTagOrMemo": "false",
                }
                for number, network in enumerate(networks_of("bingx", asset))
            ],
        }
        for name, asset in assets.items()
    ]


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": f"{listing.base}-{listing.quote}",
        "minQty": 10.0**-listing.step_dp,
        "maxQty": 9_000_000_000,
        "minNotional": 5,
        "maxNotional": 20_000_000,
        "status": 1 if listing.place.active else 0,
        "tickSize": 10.0**-listing.price_dp,
        "stepSize": 10.0**-listing.step_dp,
        "apiStateSell": listing.place.active,
        "apiStateBuy": listing.place.active,
        "timeOnline": 0,
        "offTime": 0,
        "maintainTime": 0,
        "displayName": f"{listing.base}-{listing.quote}",
    }


def _contract(contract_id: str, listing: Listing) -> dict[str, Any]:
    open_text = "true" if listing.place.active else "false"
    return {
        "contractId": contract_id,
        "symbol": f"{listing.base}-{listing.quote}",
        "size": f"{10.0**-listing.step_dp:.{listing.step_dp}f}",
        "quantityPrecision": listing.step_dp,
        "pricePrecision": listing.price_dp,
        "feeRate": 0.0005,
        "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0005,
        "tradeMinLimit": 0,
        "tradeMinQuantity": 10.0**-listing.step_dp,
        "tradeMinUSDT": 2,
        "maxLongLeverage": 125,
        "maxShortLeverage": 100,
        "currency": listing.quote,
        "asset": listing.base,
        "status": 1 if listing.place.active else 25,
        "apiStateOpen": open_text,
        "apiStateClose": open_text,
        "ensureTrigger": True,
        "triggerFeeRate": "0.00050000",
    }
