"""api.mexc.com: the spot API (v3), whose numbers are text, and below /api/v1/contract the perpetuals, whose numbers are
numbers and whose tickers have no sizes.

https://www.mexc.com/api-docs/spot-v3/introduction
https://www.mexc.com/api-docs/futures/market-endpoints/get-contract-info
"""

import math
from typing import Any

import numpy as np
import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import ExchangeHost, Texts, limit_of, step_text
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Board
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_CONTRACT = "/api/v1/contract"
_MAX_KLINES = 2_000
_SPOT_STEPS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "60m": 3_600, "4h": 14_400, "1d": 86_400}
_CONTRACT_STEPS = {
    "Min1": 60,
    "Min5": 300,
    "Min15": 900,
    "Min30": 1_800,
    "Min60": 3_600,
    "Hour4": 14_400,
    "Hour8": 28_800,
    "Day1": 86_400,
}
_MAX_DEPTH = 5_000
_MAX_PAGE = 100


class Mexc(ExchangeHost):
    """MEXC's public API."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._spot = world.board("mexc", is_swap=False)
        self._swap = world.board("mexc", is_swap=True)
        self._spot_texts, self._swap_texts = Texts(self._spot), Texts(self._swap)
        self._pairs = [f"{each.base}{each.quote}" for each in self._spot.listings]
        self._contracts = [f"{each.base}_{each.quote}" for each in self._swap.listings]
        self._pair_numbers = {name: number for number, name in enumerate(self._pairs)}
        self._contract_numbers = {name: number for number, name in enumerate(self._contracts)}
        self._symbols = orjson.Fragment(orjson.dumps([_symbol(each) for each in self._spot.listings]))
        self._details = orjson.Fragment(orjson.dumps([_detail(each) for each in self._swap.listings]))
        self._coins = orjson.Fragment(orjson.dumps(_coins(self._spot)))
        self.live = {
            "/api/v3/time": self._time,
            "/api/v3/ping": self._ping,
            "/api/v3/capital/config/getall": self._all_coins,
            "/api/v3/account": self._account,
            f"{_CONTRACT}/ping": self._contract_time,
        }
        self.quiet = {
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/ticker/24hr": self._day,
            "/api/v3/ticker/bookTicker": self._book_ticker,
            "/api/v3/depth": self._depth,
            "/api/v3/klines": self._klines,
            **{f"{_CONTRACT}/kline/{name}": self._contract_klines for name in self._contracts},
            f"{_CONTRACT}/detail": self._detail,
            f"{_CONTRACT}/ticker": self._ticker,
            f"{_CONTRACT}/funding_rate": self._funding,
            f"{_CONTRACT}/funding_rate/history": self._funding_history,
            **{f"{_CONTRACT}/funding_rate/{name}": self._funding_of for name in self._contracts},
            **{f"{_CONTRACT}/depth/{name}": self._contract_depth for name in self._contracts},
        }

    def unknown(self, call: Call) -> Answer:
        """MEXC's words for a contract, or for a path, that it doesn't have."""
        if call.path.startswith(f"{_CONTRACT}/"):
            return _refused(1001, "Contract does not exist!")
        return json_answer({"code": 404, "msg": "Not Found"}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """MEXC's error body for the status."""
        code, message = {
            429: (429, "Too Many Requests"),
            503: (503, "Service not available, please try again"),
        }.get(status, (500, "Internal error"))
        return orjson.dumps({"code": code, "msg": message})

    def _time(self, call: Call) -> Answer:
        return json_answer({"serverTime": int(call.now * 1000)})

    def _ping(self, call: Call) -> Answer:
        return json_answer({})

    def _contract_time(self, call: Call) -> Answer:
        return _told(int(call.now * 1000))

    def _exchange_info(self, call: Call) -> Answer:
        return json_answer(
            {
                "timezone": "CST",
                "serverTime": int(call.now * 1000),
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": self._symbols,
            }
        )

    def _day(self, call: Call) -> Answer:
        at = World.tick(call.now)
        if "symbol" not in call.query:
            return json_answer([self._day_row(number, at) for number in range(len(self._pairs))])
        number = self._pair_numbers.get(call.query["symbol"])
        return _invalid_symbol() if number is None else json_answer(self._day_row(number, at))

    def _day_row(self, number: int, at: float) -> dict[str, Any]:
        quotes, price, size = self._spot.quotes(at), self._spot_texts.price, self._spot_texts.size
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        return {
            "symbol": self._pairs[number],
            "priceChange": price(number, last - opened),
            "priceChangePercent": f"{last / opened - 1:.8f}",
            "prevClosePrice": price(number, opened),
            "lastPrice": price(number, last),
            "bidPrice": price(number, quotes.bid[number]),
            "bidQty": size(number, quotes.bid_size[number]),
            "askPrice": price(number, quotes.ask[number]),
            "askQty": size(number, quotes.ask_size[number]),
            "openPrice": price(number, opened),
            "highPrice": price(number, quotes.high[number]),
            "lowPrice": price(number, quotes.low[number]),
            "volume": size(number, quotes.volume[number]),
            "quoteVolume": f"{quotes.turnover[number]:.2f}",
            "openTime": int(quotes.ts[number]) - 86_400_000,
            "closeTime": int(quotes.ts[number]),
            "count": None,
        }

    def _book_ticker(self, call: Call) -> Answer:
        quotes = self._spot.quotes(World.tick(call.now))
        columns = zip(
            self._pairs,
            self._spot_texts.prices(quotes.bid),
            self._spot_texts.sizes(quotes.bid_size),
            self._spot_texts.prices(quotes.ask),
            self._spot_texts.sizes(quotes.ask_size),
            strict=True,
        )
        names = ("symbol", "bidPrice", "bidQty", "askPrice", "askQty")
        rows = [dict(zip(names, row, strict=True)) for row in columns]
        if "symbol" not in call.query:
            return json_answer(rows)
        number = self._pair_numbers.get(call.query["symbol"])
        return _invalid_symbol() if number is None else json_answer(rows[number])

    def _depth(self, call: Call) -> Answer:
        number = self._pair_numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _invalid_symbol()
        book = self._spot.book(number, World.tick(call.now), limit_of(call, "limit", 100, _MAX_DEPTH))
        texts = self._spot_texts
        bids, asks = (
            [[texts.price(number, price), texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return json_answer({"lastUpdateId": book.ts, "bids": bids, "asks": asks, "timestamp": book.ts})

    def _klines(self, call: Call) -> Answer:
        """https://www.mexc.com/api-docs/spot-v3/market-data-endpoints#klinecandlestick-data"""
        number = self._pair_numbers.get(call.query.get("symbol", ""))
        step_s = _SPOT_STEPS.get(call.query.get("interval", ""))
        if number is None or step_s is None:
            return _invalid_symbol()
        count = limit_of(call, "limit", 500, 500)
        bars = self._spot.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        texts = self._spot_texts
        return json_answer(
            [
                [
                    begin,
                    *(texts.price(number, value) for value in prices),
                    texts.size(number, volume),
                    begin + step_s * 1000,
                    f"{turnover:.2f}",
                ]
                for begin, *prices, volume, turnover in bars.rows()
            ]
        )

    def _contract_klines(self, call: Call) -> Answer:
        """Column by column. https://www.mexc.com/api-docs/futures/market-endpoints#get-candlestick-data"""
        number = self._contract_numbers[call.path.rpartition("/")[2]]
        step_s = _CONTRACT_STEPS.get(call.query.get("interval", "Min1"))
        if step_s is None:
            return _refused(600, "Parameter error!")
        bars = self._swap.klines(number, step_s=step_s, count=_MAX_KLINES, now=World.tick(call.now))
        contract = self._swap.listings[number].contract_size
        prices = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
        columns: dict[str, Any] = {name: [self._price(number, value) for value in of] for name, of in prices.items()}
        return _told(
            columns
            | {
                "time": (bars.open_ms // 1000).tolist(),
                "vol": np.round(bars.volume / contract).tolist(),
                "amount": np.round(bars.turnover, 4).tolist(),
            }
        )

    def _all_coins(self, call: Call) -> Answer:
        """Deposits and withdrawals by network, for holders of a key only."""
        return _key_refusal(call) or json_answer(self._coins)

    def _account(self, call: Call) -> Answer:
        """Balances; its flags are about the account, and nothing is told about the key.

        https://www.mexc.com/api-docs/spot-v3/spot-account-trade#account-information"""
        account = {
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "updateTime": None,
            "accountType": "SPOT",
            "balances": [{"asset": "USDT", "free": "10", "locked": "0"}],
            "permissions": ["SPOT"],
        }
        return _key_refusal(call) or json_answer(account)

    def _detail(self, call: Call) -> Answer:
        return _told(self._details)

    def _ticker(self, call: Call) -> Answer:
        at = World.tick(call.now)
        if "symbol" not in call.query:
            return _told([self._ticker_row(number, at) for number in range(len(self._contracts))])
        number = self._contract_numbers.get(call.query["symbol"])
        return _refused(1001, "Contract does not exist!") if number is None else _told(self._ticker_row(number, at))

    def _ticker_row(self, number: int, at: float) -> dict[str, Any]:
        quotes, funding, price = self._swap.quotes(at), self._swap.funding(at), self._price
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        contracts = float(quotes.volume[number]) / self._swap.listings[number].contract_size
        return {
            "symbol": self._contracts[number],
            "lastPrice": price(number, last),
            "bid1": price(number, quotes.bid[number]),
            "ask1": price(number, quotes.ask[number]),
            "volume24": round(contracts),
            "amount24": round(float(quotes.turnover[number]), 4),
            "holdVol": round(contracts / 3),
            "lower24Price": price(number, quotes.low[number]),
            "high24Price": price(number, quotes.high[number]),
            "riseFallRate": round(last / opened - 1, 4),
            "riseFallValue": price(number, last - opened),
            "indexPrice": price(number, funding.index[number]),
            "fairPrice": price(number, funding.mark[number]),
            "fundingRate": round(float(funding.rate[number]), 8),
            "maxBidPrice": price(number, last * 1.1),
            "minAskPrice": price(number, last * 0.9),
            "timestamp": int(quotes.ts[number]),
        }

    def _funding(self, call: Call) -> Answer:
        at = World.tick(call.now)
        return _told([self._funding_row(number, at) for number in range(len(self._contracts))])

    def _funding_of(self, call: Call) -> Answer:
        number = self._contract_numbers[call.path.rpartition("/")[2]]
        return _told(self._funding_row(number, World.tick(call.now)))

    def _funding_row(self, number: int, at: float) -> dict[str, Any]:
        funding, listing = self._swap.funding(at), self._swap.listings[number]
        return {
            "symbol": self._contracts[number],
            "fundingRate": round(float(funding.rate[number]), 8),
            "maxFundingRate": 0.003,
            "minFundingRate": -0.003,
            "collectCycle": listing.place.interval_h if listing.interval_known else None,
            "nextSettleTime": int(funding.next_ms[number]),
            "idxPrice": self._price(number, funding.index[number]),
            "fairPrice": self._price(number, funding.mark[number]),
            "timestamp": int(funding.ts[number]),
        }

    def _funding_history(self, call: Call) -> Answer:
        number = self._contract_numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _refused(1001, "Contract does not exist!")
        size = limit_of(call, "page_size", 20, _MAX_PAGE)
        settled = self._swap.settled(number, call.now, size)
        rows = [
            {"symbol": self._contracts[number], "fundingRate": round(rate, 8), "settleTime": stamp}
            for stamp, rate, _ in reversed(settled)
        ]
        page = {"pageSize": size, "totalCount": len(rows), "totalPage": 1, "currentPage": 1, "resultList": rows}
        return _told(page)

    def _contract_depth(self, call: Call) -> Answer:
        number = self._contract_numbers[call.path.rpartition("/")[2]]
        book = self._swap.book(number, World.tick(call.now), limit_of(call, "limit", 100, 1_000))
        contract = self._swap.listings[number].contract_size
        bids, asks = (
            [[self._price(number, price), round(size / contract), 1] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _told({"asks": asks, "bids": bids, "version": book.ts, "timestamp": book.ts})

    def _price(self, number: int, value: float) -> float | None:
        """A price as a JSON number with the contract's decimals; there is no number for none."""
        return None if math.isnan(value) else float(self._swap_texts.price(number, value))


def _told(data: Any) -> Answer:
    return json_answer({"success": True, "code": 0, "data": data})


def _refused(code: int, message: str) -> Answer:
    return json_answer({"success": False, "code": code, "message": message})


def _invalid_symbol() -> Answer:
    return json_answer({"code": -1121, "msg": "Invalid symbol."}, 400)


def _key_refusal(call: Call) -> Answer | None:
    """MEXC's refusal of a signed call; None where key and signature are good.

    https://www.mexc.com/api-docs/spot-v3/general-info"""
    kind = key_kind("mexc", call.headers.get("X-MEXC-APIKEY", ""))
    if kind in ("", "bound"):
        return json_answer({"code": 10072, "msg": "Api key info invalid"}, 400)
    signed, _, signature = call.raw_query.rpartition("&signature=")
    if not is_signed(signed, signature, demo_key("mexc", kind)["secret"]):
        return json_answer({"code": 700002, "msg": "Signature for this request is not valid."}, 400)
    return None


# How MEXC names the chains that ccxt calls so.
_CHAINS = {"ERC20": "ETH", "BEP20": "BSC", "TRC20": "TRX"}


def _coins(board: Board) -> list[dict[str, Any]]:
    assets = {each.asset.name: each.asset for each in board.listings}
    return [
        {
            "coin": name,
            "name": name,
            "networkList": [
                {
                    "coin": name,
                    "depositDesc": None,
                    "depositEnable": network.deposit,
                    "minConfirm": 1,
                    "name": name,
                    "network": network.chain,
                    "netWork": _CHAINS.get(network.chain, network.chain),
                    "withdrawEnable": network.withdraw,
                    "withdrawFee": f"{network.fee:.12f}",
                    "withdrawMax": "24000000.000000000000",
                    "withdrawMin": f"{network.fee * 2:.12f}",
                    "contract": "",
                }
                for network in networks_of("mexc", asset)
            ],
        }
        for name, asset in assets.items()
    ]


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": f"{listing.base}{listing.quote}",
        "status": "1" if listing.place.active else "2",
        "baseAsset": listing.base,
        "baseAssetPrecision": listing.step_dp,
        "quoteAsset": listing.quote,
        "quotePrecision": listing.price_dp,
        "quoteAssetPrecision": listing.price_dp,
        "baseCommissionPrecision": listing.step_dp,
        "quoteCommissionPrecision": listing.price_dp,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": "1",
        "baseSizePrecision": step_text(listing.step_dp),
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "fullName": listing.base,
        "tradeSideType": 1,
    }


def _detail(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": f"{listing.base}_{listing.quote}",
        "displayNameEn": f"{listing.base}_{listing.quote} PERPETUAL",
        "positionOpenType": 3,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "settleCoin": listing.quote,
        "contractSize": listing.contract_size,
        "minLeverage": 1,
        "maxLeverage": 200,
        "priceScale": listing.price_dp,
        "volScale": 0,
        "amountScale": 4,
        "priceUnit": float(step_text(listing.price_dp)),
        "volUnit": 1,
        "minVol": 1,
        "maxVol": 1_000_000,
        "takerFeeRate": 0.0004,
        "makerFeeRate": 0.0001,
        "maintenanceMarginRate": 0.004,
        "initialMarginRate": 0.008,
        "state": 0 if listing.place.active else 4,
        "isNew": False,
        "isHidden": False,
        "apiAllowed": True,
    }
