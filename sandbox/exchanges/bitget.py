"""api.bitget.com, API v2: spot and USDT perpetuals; other product types are known and empty.

https://www.bitget.com/api-doc/common/intro
"""

from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import ExchangeHost, Texts, limit_of, step_text
from sandbox.market.board import Board, Funding, Quotes
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_MAX_BARS = 1_000
_SPOT_STEPS = {"1min": 60, "5min": 300, "15min": 900, "30min": 1_800, "1h": 3_600, "4h": 14_400}
_SWAP_STEPS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "1H": 3_600, "4H": 14_400}
_FUTURES = "USDT-FUTURES"
_EMPTY = ("COIN-FUTURES", "USDC-FUTURES", "SUSDT-FUTURES", "SCOIN-FUTURES", "SUSDC-FUTURES")
_MAX_SPOT_BOOK = 150
# A perpetual's book has one of a few depths. https://www.bitget.com/api-doc/contract/market/Get-Merge-Depth
_SWAP_BOOKS = {"1": 1, "5": 5, "15": 15, "50": 50, "max": 400}
_MAX_HISTORY = 100


class _Markets:
    """Markets of one kind under Bitget's ids; both kinds call a market by the same id."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.texts = Texts(board)
        self.ids = [f"{each.base}{each.quote}" for each in board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}

    def ticker(self, number: int, quotes: Quotes) -> dict[str, Any]:
        """What tickers of both kinds have."""
        price, size = self.texts.price, self.texts.size
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        turnover = f"{quotes.turnover[number]:.6f}"
        return {
            "symbol": self.ids[number],
            "lastPr": price(number, last),
            "askPr": price(number, quotes.ask[number]),
            "bidPr": price(number, quotes.bid[number]),
            "bidSz": size(number, quotes.bid_size[number]),
            "askSz": size(number, quotes.ask_size[number]),
            "high24h": price(number, quotes.high[number]),
            "low24h": price(number, quotes.low[number]),
            "ts": str(int(quotes.ts[number])),
            "change24h": f"{last / opened - 1:.5f}",
            "baseVolume": size(number, quotes.volume[number]),
            "quoteVolume": turnover,
            "usdtVolume": turnover,
            "openUtc": price(number, opened),
            "changeUtc24h": f"{last / opened - 1:.5f}",
        }

    def levels(self, number: int, at: float, levels: int) -> dict[str, Any]:
        """A book."""
        book = self.board.book(number, at, levels)
        bids, asks = (
            [[self.texts.price(number, price), self.texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return {"asks": asks, "bids": bids, "ts": str(book.ts)}


class Bitget(ExchangeHost):
    """Bitget's public v2 API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._spot = _Markets(world.board("bitget", is_swap=False))
        self._swap = _Markets(world.board("bitget", is_swap=True))
        self.live = {"/api/v2/public/time": self._time}
        self.quiet = {
            "/api/v2/spot/public/symbols": self._symbols,
            "/api/v2/spot/public/coins": self._coins,
            "/api/v2/margin/currencies": self._margin,
            "/api/v2/spot/market/tickers": self._spot_tickers,
            "/api/v2/spot/market/orderbook": self._spot_book,
            "/api/v2/spot/market/candles": lambda call: self._bars(call, self._spot, _SPOT_STEPS),
            "/api/v2/mix/market/candles": lambda call: self._bars(call, self._swap, _SWAP_STEPS),
            "/api/v2/mix/market/contracts": self._contracts,
            "/api/v2/mix/market/tickers": self._swap_tickers,
            "/api/v2/mix/market/ticker": self._swap_ticker,
            "/api/v2/mix/market/merge-depth": self._swap_book,
            "/api/v2/mix/market/current-fund-rate": self._fund_rate,
            "/api/v2/mix/market/history-fund-rate": self._fund_history,
        }

    def unknown(self, call: Call) -> Answer:
        """Bitget's own not found."""
        return _failure(call, "40404", "Request URL NOT FOUND", status=404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Bitget's error body for the status."""
        code, message = {
            429: ("429", "Too Many Requests"),
            503: ("40200", "Server upgrade, please try again later"),
        }.get(status, ("40015", "System is abnormal, please try again later"))
        return orjson.dumps({"code": code, "msg": message, "requestTime": 0, "data": None})

    def _symbols(self, call: Call) -> Answer:
        wanted = call.query.get("symbol")
        rows = zip(self._spot.ids, self._spot.board.listings, strict=True)
        return _success(call, [_symbol(name, each) for name, each in rows if wanted in (None, name)])

    def _coins(self, call: Call) -> Answer:
        assets = {each.asset.name: each.asset for each in self._spot.board.listings}
        coins = [
            {
                "coinId": str(number),
                "coin": name,
                "transfer": "true",
                "areaCoin": "no",
                "chains": [
                    {
                        "chain": network.chain,
                        "needTag": "false",
                        "withdrawable": str(network.withdraw).lower(),
                        "rechargeable": str(network.deposit).lower(),
                        "withdrawFee": f"{network.fee:.12f}".rstrip("0"),
                        "extraWithdrawFee": "0",
                        "depositConfirm": "12",
                        "withdrawConfirm": "64",
                        "minDepositAmount": "0.00001",
                        "minWithdrawAmount": "0.001",
                        "browserUrl": "",
                        "contractAddress": "",
                        "withdrawStep": "0",
                        "withdrawMinScale": "8",
                        "congestion": "normal",
                    }
                    for network in networks_of("bitget", asset)
                ],
            }
            for number, (name, asset) in enumerate(assets.items(), start=1)
        ]
        return _success(call, coins)

    def _margin(self, call: Call) -> Answer:
        return _success(call, [])

    def _spot_tickers(self, call: Call) -> Answer:
        quotes = self._spot.board.quotes(World.tick(call.now))
        numbers = self._asked(call, self._spot)
        if isinstance(numbers, Answer):
            return numbers
        opened = self._spot.texts.prices(quotes.open)
        return _success(call, [{"open": opened[n], **self._spot.ticker(n, quotes)} for n in numbers])

    def _spot_book(self, call: Call) -> Answer:
        number = self._spot.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _no_symbol(call)
        levels = limit_of(call, "limit", 150, _MAX_SPOT_BOOK)
        return _success(call, self._spot.levels(number, World.tick(call.now), levels))

    def _bars(self, call: Call, kind: _Markets, steps: Mapping[str, int]) -> Answer:
        """https://www.bitget.com/api-doc/spot/market/Get-Candle-Data and .../contract/market/Get-Candle-Data"""
        number = kind.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _no_symbol(call)
        step_s = steps.get(call.query.get("granularity", ""))
        if step_s is None:
            return _failure(call, "40017", "Parameter verification failed granularity", status=400)
        count = limit_of(call, "limit", 100, _MAX_BARS)
        bars = kind.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        return _success(
            call,
            [
                [
                    str(begin),
                    *(kind.texts.price(number, value) for value in prices),
                    kind.texts.size(number, volume),
                    f"{turnover:.6f}",
                    f"{turnover:.6f}",
                ]
                for begin, *prices, volume, turnover in bars.rows()
            ],
        )

    def _contracts(self, call: Call) -> Answer:
        product = call.query.get("productType", "").upper()
        if product in _EMPTY:
            return _success(call, [])
        if product != _FUTURES:
            return _no_product(call)
        wanted = call.query.get("symbol")
        rows = zip(self._swap.ids, self._swap.board.listings, strict=True)
        return _success(call, [_contract(name, each) for name, each in rows if wanted in (None, name)])

    def _swap_tickers(self, call: Call) -> Answer:
        product = call.query.get("productType", "").upper()
        if product in _EMPTY:
            return _success(call, [])
        if product != _FUTURES:
            return _no_product(call)
        return _success(call, self._swap_rows(range(len(self._swap.ids)), call))

    def _swap_ticker(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("symbol", ""))
        return _no_symbol(call) if number is None else _success(call, self._swap_rows(range(number, number + 1), call))

    def _swap_rows(self, numbers: range, call: Call) -> list[dict[str, Any]]:
        at = World.tick(call.now)
        quotes, funding = self._swap.board.quotes(at), self._swap.board.funding(at)
        opened = self._swap.texts.prices(quotes.open)
        return [
            self._swap.ticker(number, quotes)
            | _swap_figures(self._swap.texts, number, quotes, funding)
            | {"open24h": opened[number]}
            for number in numbers
        ]

    def _swap_book(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _no_symbol(call)
        levels = _SWAP_BOOKS.get(call.query.get("limit", "max"))
        if levels is None:
            return _failure(call, "40017", "Parameter verification failed limit", status=400)
        book = self._swap.levels(number, World.tick(call.now), levels)
        extra = {
            "scale": step_text(self._swap.board.listings[number].price_dp),
            "precision": "scale0",
            "isMaxPrecision": "NO",
        }
        return _success(call, book | extra)

    def _fund_rate(self, call: Call) -> Answer:
        product = call.query.get("productType", "").upper()
        if product in _EMPTY:
            return _success(call, [])
        if product != _FUTURES:
            return _no_product(call)
        numbers = self._asked(call, self._swap)
        if isinstance(numbers, Answer):
            return numbers
        funding = self._swap.board.funding(World.tick(call.now))
        return _success(
            call,
            [
                {
                    "symbol": self._swap.ids[number],
                    "fundingRate": f"{funding.rate[number]:.8f}",
                    "fundingRateInterval": str(funding.interval_h[number])
                    if self._swap.board.listings[number].interval_known
                    else "",
                    "nextUpdate": str(int(funding.next_ms[number])),
                    "minFundingRate": "-0.003",
                    "maxFundingRate": "0.003",
                }
                for number in numbers
            ],
        )

    def _fund_history(self, call: Call) -> Answer:
        number = self._swap.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _no_symbol(call)
        size, page = limit_of(call, "pageSize", 20, _MAX_HISTORY), limit_of(call, "pageNo", 1, 1_000)
        settled = list(reversed(self._swap.board.settled(number, call.now, size * page)))
        return _success(
            call,
            [
                {"symbol": self._swap.ids[number], "fundingRate": f"{rate:.8f}", "fundingTime": str(stamp)}
                for stamp, rate, _ in settled[size * (page - 1) :]
            ],
        )

    def _asked(self, call: Call, markets: _Markets) -> range | Answer:
        symbol = call.query.get("symbol")
        if symbol is None:
            return range(len(markets.ids))
        number = markets.numbers.get(symbol)
        return _no_symbol(call) if number is None else range(number, number + 1)

    def _time(self, call: Call) -> Answer:
        return _success(call, {"serverTime": str(int(call.now * 1000))})


def _success(call: Call, data: Any) -> Answer:
    return json_answer({"code": "00000", "msg": "success", "requestTime": int(call.now * 1000), "data": data})


def _failure(call: Call, code: str, message: str, *, status: int) -> Answer:
    return json_answer({"code": code, "msg": message, "requestTime": int(call.now * 1000), "data": None}, status)


def _no_symbol(call: Call) -> Answer:
    return _failure(call, "40034", f"Parameter {call.query.get('symbol')} does not exist", status=400)


def _no_product(call: Call) -> Answer:
    return _failure(call, "40017", "Parameter verification failed productType", status=400)


def _symbol(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "symbol": name,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "minTradeAmount": step_text(listing.step_dp),
        "maxTradeAmount": "900000000000000000000",
        "takerFeeRate": "0.002",
        "makerFeeRate": "0.002",
        "pricePrecision": str(listing.price_dp),
        "quantityPrecision": str(listing.step_dp),
        "quotePrecision": "8",
        "status": "online" if listing.place.active else "offline",
        "minTradeUSDT": "1",
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "areaSymbol": "no",
        "orderQuantity": "200",
        "openTime": "1532454360000",
        "offTime": "",
    }


def _contract(name: str, listing: Listing) -> dict[str, Any]:
    step = step_text(listing.step_dp)
    contract = {
        "symbol": name,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "feeRateUpRatio": "0.005",
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "openCostUpRatio": "0.01",
        "supportMarginCoins": [listing.quote],
        "minTradeNum": step,
        # The price step is so many units of the last of `pricePlace` decimals.
        "priceEndStep": "1",
        "volumePlace": str(listing.step_dp),
        "pricePlace": str(listing.price_dp),
        "sizeMultiplier": step,
        "symbolType": "perpetual",
        "minTradeUSDT": "5",
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "1000",
        "maxPositionNum": "150",
        "symbolStatus": "normal" if listing.place.active else "off",
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "deliveryStartTime": "",
        "launchTime": "",
        "minLever": "1",
        "maxLever": "75",
        "posLimit": "0.05",
        "maintainTime": "",
    }
    return contract | {"fundInterval": str(listing.place.interval_h) if listing.interval_known else ""}


def _swap_figures(texts: Texts, number: int, quotes: Quotes, funding: Funding) -> dict[str, Any]:
    return {
        "indexPrice": texts.price(number, funding.index[number]),
        "fundingRate": f"{funding.rate[number]:.8f}",
        "holdingAmount": texts.size(number, quotes.volume[number] / 3),
        "deliveryStartTime": None,
        "deliveryTime": None,
        "deliveryStatus": "",
        "markPrice": texts.price(number, funding.mark[number]),
    }
