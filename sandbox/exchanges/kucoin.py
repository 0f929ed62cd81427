"""api.kucoin.com (spot, and the unified API's tickers and funding rates) and api-futures.kucoin.com (perpetuals).

https://www.kucoin.com/docs-new
"""

import base64
import hashlib
import hmac
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, bars_since, step_text
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Board
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_MAX_CANDLES = 1_500
_MAX_KLINES = 500
_TYPES = {"1min": 60, "5min": 300, "15min": 900, "30min": 1_800, "1hour": 3_600, "4hour": 14_400, "1day": 86_400}
_CHAINS = {"ERC20": "eth", "BEP20": "bsc", "TRC20": "trx"}
_HOUR_MS = 3_600_000
_MAX_HISTORY = 100


class KucoinHost(ExchangeHost):
    """What KuCoin's two hosts share: the envelope, errors, clock and status."""

    def unknown(self, call: Call) -> Answer:
        """KuCoin's own not found."""
        return _failure("404", "Not Found", status=404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """KuCoin's error body for the status."""
        code, message = {
            429: ("429000", "Too many requests"),
            503: ("503", "Service unavailable"),
        }.get(status, ("500000", "Internal Server Error"))
        return orjson.dumps({"code": code, "msg": message})

    def time(self, call: Call) -> Answer:
        """The server's clock."""
        return _success(int(call.now * 1000))

    def status(self, call: Call) -> Answer:
        """Open for trading."""
        return _success({"status": "open", "msg": ""})


class Contracts:
    """The perpetuals under KuCoin's ids (bitcoin is XBT), sizes in contracts."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.texts = Texts(board)
        self.bases = ["XBT" if each.base == "BTC" else each.base for each in board.listings]
        self.ids = [f"{base}{each.quote}M" for base, each in zip(self.bases, board.listings, strict=True)]
        self.numbers = {name: number for number, name in enumerate(self.ids)}

    def count(self, number: int, base_units: float) -> int:
        """A size in contracts."""
        return round(base_units / self.board.listings[number].contract_size)


class Kucoin(KucoinHost):
    """The spot host; the unified API lives here too, for spot and perpetuals."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._board = world.board("kucoin", is_swap=False)
        self._texts = Texts(self._board)
        self._ids = [f"{each.base}-{each.quote}" for each in self._board.listings]
        self._numbers = {name: number for number, name in enumerate(self._ids)}
        self._contracts = Contracts(world.board("kucoinfutures", is_swap=True))
        self.live = {"/api/v1/timestamp": self.time, "/api/v1/user/api-key": self._key}
        self.quiet = {
            "/api/v1/status": self.status,
            "/api/v3/currencies": self._currencies,
            "/api/v2/symbols": self._symbols,
            "/api/v1/market/allTickers": self._all_tickers,
            "/api/v1/market/candles": self._candles,
            "/api/v1/market/orderbook/level2_20": lambda call: self._book(call, 20),
            "/api/v1/market/orderbook/level2_100": lambda call: self._book(call, 100),
            "/api/ua/v1/market/ticker": self._unified_tickers,
            "/api/ua/v2/market/funding-rate": self._funding_rates,
        }

    def _key(self, call: Call) -> Answer:
        """What the key may do; `Transfer` is the right to withdraw.

        https://www.kucoin.com/docs-new/rest/account-info/account-funding/get-apikey-info"""
        key = call.headers.get("KC-API-KEY", "")
        kind = key_kind("kucoin", key)
        may = ["General", *["Spot", "Futures"] * (kind != "read"), *["Transfer"] * (kind == "withdraw")]
        told = {
            "remark": "sandbox",
            "apiKey": key,
            "apiVersion": 3,
            "permission": ",".join(may),
            "createdAt": 1_728_443_843_000,
            "uid": 165_111_215,
            "isMaster": True,
        }
        return _key_refusal(call, kind) or _success(told)

    def _currencies(self, call: Call) -> Answer:
        assets = {each.asset.name: each.asset for each in self._board.listings}
        return _success(
            [
                {
                    "currency": name,
                    "name": name,
                    "fullName": name.title(),
                    "precision": 8,
                    "confirms": None,
                    "contractAddress": None,
                    "isMarginEnabled": False,
                    "isDebitEnabled": False,
                    "chains": [
                        {
                            "chainName": network.chain,
                            "chainId": _CHAINS.get(network.chain, network.chain.lower()),
                            "withdrawalMinSize": "0.001",
                            "depositMinSize": None,
                            "withdrawFeeRate": "0",
                            "withdrawalMinFee": f"{network.fee:.12f}".rstrip("0"),
                            "isWithdrawEnabled": network.withdraw,
                            "isDepositEnabled": network.deposit,
                            "confirms": 12,
                            "preConfirms": 12,
                            "withdrawPrecision": 8,
                            "maxWithdraw": None,
                            "maxDeposit": None,
                            "needTag": False,
                            "contractAddress": "",
                        }
                        for network in networks_of("kucoin", asset)
                    ],
                }
                for name, asset in assets.items()
            ]
        )

    def _symbols(self, call: Call) -> Answer:
        return _success([_symbol(*each) for each in zip(self._ids, self._board.listings, strict=True)])

    def _all_tickers(self, call: Call) -> Answer:
        quotes = self._board.quotes(World.tick(call.now))
        price, size = self._texts.price, self._texts.size
        rows = [
            {
                "symbol": name,
                "symbolName": name,
                "buy": price(number, quotes.bid[number]),
                "bestBidSize": size(number, quotes.bid_size[number]),
                "sell": price(number, quotes.ask[number]),
                "bestAskSize": size(number, quotes.ask_size[number]),
                "changeRate": f"{quotes.last[number] / quotes.open[number] - 1:.4f}",
                "changePrice": price(number, quotes.last[number] - quotes.open[number]),
                "high": price(number, quotes.high[number]),
                "low": price(number, quotes.low[number]),
                "vol": size(number, quotes.volume[number]),
                "volValue": f"{quotes.turnover[number]:.8f}",
                "last": price(number, quotes.last[number]),
                "averagePrice": price(number, quotes.open[number]),
                "takerFeeRate": "0.001",
                "makerFeeRate": "0.001",
                "takerCoefficient": "1",
                "makerCoefficient": "1",
            }
            for number, name in enumerate(self._ids)
        ]
        return _success({"time": int(World.tick(call.now) * 1000), "ticker": rows})

    def _book(self, call: Call, levels: int) -> Answer:
        number = self._numbers.get(call.query.get("symbol", ""))
        if number is None:
            return _failure("400100", "Unsupported trading pair.", status=400)
        book = self._board.book(number, World.tick(call.now), levels)
        bids, asks = (
            [[self._texts.price(number, price), self._texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _success({"time": book.ts, "sequence": str(book.ts), "bids": bids, "asks": asks})

    def _candles(self, call: Call) -> Answer:
        """Newest first, the close before the high. https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-klines"""
        number = self._numbers.get(call.query.get("symbol", ""))
        step_s = _TYPES.get(call.query.get("type", ""))
        if number is None or step_s is None:
            return _failure("400100", "Unsupported trading pair.", status=400)
        count = bars_since(call.query.get("startAt", ""), step_s, call.now, _MAX_CANDLES)
        bars = self._board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        rows = [
            [
                str(begin // 1000),
                *(self._texts.price(number, value) for value in (begun, close, high, low)),
                self._texts.size(number, volume),
                f"{turnover:.8f}",
            ]
            for begin, begun, high, low, close, volume, turnover in bars.rows()
        ]
        return _success(rows[::-1])

    def _unified_tickers(self, call: Call) -> Answer:
        kind = call.query.get("tradeType", "")
        if kind not in ("SPOT", "FUTURES"):
            return _failure("400100", "tradeType is invalid", status=400)
        at = World.tick(call.now)
        rows = self._unified_spot(at) if kind == "SPOT" else self._unified_futures(at)
        return _success({"tradeType": kind, "ts": int(at * 1000), "list": rows})

    def _unified_spot(self, at: float) -> list[dict[str, str]]:
        quotes = self._board.quotes(at)
        price, size = self._texts.price, self._texts.size
        return [
            {
                "symbol": name,
                "name": name,
                "bestBidSize": size(number, quotes.bid_size[number]),
                "bestBidPrice": price(number, quotes.bid[number]),
                "bestAskSize": size(number, quotes.ask_size[number]),
                "bestAskPrice": price(number, quotes.ask[number]),
                "lastPrice": price(number, quotes.last[number]),
                "size": size(number, quotes.bid_size[number]),
                "open": price(number, quotes.open[number]),
                "high": price(number, quotes.high[number]),
                "low": price(number, quotes.low[number]),
                "baseVolume": size(number, quotes.volume[number]),
                "quoteVolume": f"{quotes.turnover[number]:.8f}",
            }
            for number, name in enumerate(self._ids)
        ]

    def _unified_futures(self, at: float) -> list[dict[str, str]]:
        contracts = self._contracts
        quotes, funding = contracts.board.quotes(at), contracts.board.funding(at)
        price, count = contracts.texts.price, contracts.count
        return [
            {
                "symbol": name,
                "bestBidSize": str(count(number, quotes.bid_size[number])),
                "bestBidPrice": price(number, quotes.bid[number]),
                "bestAskSize": str(count(number, quotes.ask_size[number])),
                "bestAskPrice": price(number, quotes.ask[number]),
                "lastPrice": price(number, quotes.last[number]),
                "size": str(count(number, quotes.bid_size[number])),
                "open": price(number, quotes.open[number]),
                "high": price(number, quotes.high[number]),
                "low": price(number, quotes.low[number]),
                "baseVolume": f"{quotes.volume[number]:.2f}",
                "quoteVolume": f"{quotes.turnover[number]:.3f}",
                "priceChange": price(number, quotes.last[number] - quotes.open[number]),
                "priceChangePercent": f"{(quotes.last[number] / quotes.open[number] - 1) * 100:.4f}",
                "indexPrice": price(number, funding.index[number]),
                "markPrice": price(number, funding.mark[number]),
            }
            for number, name in enumerate(contracts.ids)
        ]

    def _funding_rates(self, call: Call) -> Answer:
        funding = self._contracts.board.funding(World.tick(call.now))
        rows = []
        for number, (name, listing) in enumerate(zip(self._contracts.ids, self._contracts.board.listings, strict=True)):
            granularity = int(funding.interval_h[number]) * _HOUR_MS if listing.interval_known else None
            figures = {
                "nextFundingRate": f"{funding.rate[number]:.8f}",
                "fundingTime": int(funding.next_ms[number]),
                "fundingRateCap": "0.003",
                "fundingRateFloor": "-0.003",
                "currentGranularity": granularity,
                "newGranularity": granularity,
                "newGranularityStartTime": 1_750_147_200_000,
            }
            # Each contract's funding index stands in the same list, under a name that is no contract's.
            rows += [{"symbol": name, **figures}, {"symbol": f".{name}FPI{listing.place.interval_h}H", **figures}]
        return _success(rows)


class KucoinFutures(KucoinHost):
    """The perpetuals' host."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._contracts = Contracts(world.board("kucoinfutures", is_swap=True))
        self.live = {"/api/v1/timestamp": self.time}
        self.quiet = {
            "/api/v1/status": self.status,
            "/api/v1/contracts/active": self._active,
            "/api/v1/allTickers": self._all_tickers,
            "/api/v1/kline/query": self._klines,
            "/api/v1/level2/depth20": lambda call: self._book(call, 20),
            "/api/v1/level2/depth100": lambda call: self._book(call, 100),
            "/api/v1/contract/funding-rates": self._funding_history,
        }

    def _active(self, call: Call) -> Answer:
        contracts = self._contracts
        at = World.tick(call.now)
        quotes, funding = contracts.board.quotes(at), contracts.board.funding(at)
        rows = []
        for number, (name, listing) in enumerate(zip(contracts.ids, contracts.board.listings, strict=True)):
            rate = float(funding.rate[number])
            rows.append(
                _contract(name, contracts.bases[number], listing)
                | {
                    "fundingFeeRate": round(rate, 8),
                    "predictedFundingFeeRate": round(rate, 8),
                    "fundingRateGranularity": int(funding.interval_h[number]) * _HOUR_MS,
                    "nextFundingRateTime": int(funding.next_ms[number] - at * 1000),
                    "nextFundingRateDateTime": int(funding.next_ms[number]),
                    "openInterest": str(contracts.count(number, quotes.volume[number] / 3)),
                    "turnoverOf24h": round(float(quotes.turnover[number]), 6),
                    "volumeOf24h": round(float(quotes.volume[number]), 6),
                    "markPrice": round(float(funding.mark[number]), listing.price_dp),
                    "indexPrice": round(float(funding.index[number]), listing.price_dp),
                    "lastTradePrice": round(float(quotes.last[number]), listing.price_dp),
                    "lowPrice": round(float(quotes.low[number]), listing.price_dp),
                    "highPrice": round(float(quotes.high[number]), listing.price_dp),
                }
            )
        return _success(rows)

    def _all_tickers(self, call: Call) -> Answer:
        contracts = self._contracts
        quotes = contracts.board.quotes(World.tick(call.now))
        price, count = contracts.texts.price, contracts.count
        return _success(
            [
                {
                    "sequence": int(quotes.ts[number]),
                    "symbol": name,
                    "side": "buy",
                    "size": count(number, quotes.bid_size[number]),
                    "price": price(number, quotes.last[number]),
                    "bestBidSize": count(number, quotes.bid_size[number]),
                    "bestBidPrice": price(number, quotes.bid[number]),
                    "bestAskSize": count(number, quotes.ask_size[number]),
                    "bestAskPrice": price(number, quotes.ask[number]),
                    "tradeId": str(int(quotes.ts[number])),
                    # When the last trade was, in nanoseconds.
                    "ts": int(quotes.ts[number]) * 1_000_000,
                }
                for number, name in enumerate(contracts.ids)
            ]
        )

    def _book(self, call: Call, levels: int) -> Answer:
        contracts = self._contracts
        name = call.query.get("symbol", "")
        number = contracts.numbers.get(name)
        if number is None:
            return _no_contract()
        book = contracts.board.book(number, World.tick(call.now), levels)
        bids, asks = (
            [[contracts.texts.price(number, price), contracts.count(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _success({"symbol": name, "sequence": book.ts, "asks": asks, "bids": bids, "ts": book.ts * 1_000_000})

    def _klines(self, call: Call) -> Answer:
        """https://www.kucoin.com/docs-new/rest/futures-trading/market-data/get-klines"""
        contracts = self._contracts
        number = contracts.numbers.get(call.query.get("symbol", ""))
        minutes = call.query.get("granularity", "")
        if number is None or not (minutes.isdigit() and int(minutes) * 60 in STEPS.values()):
            return _no_contract()
        step_s = int(minutes) * 60
        # Milliseconds here, seconds at the spot host.
        count = bars_since(call.query.get("from", "")[:-3], step_s, call.now, _MAX_KLINES)
        bars = contracts.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        return _success(
            [
                [
                    begin,
                    *(float(contracts.texts.price(number, value)) for value in prices),
                    contracts.count(number, volume),
                    round(turnover, 4),
                ]
                for begin, *prices, volume, turnover in bars.rows()
            ]
        )

    def _funding_history(self, call: Call) -> Answer:
        contracts = self._contracts
        name = call.query.get("symbol", "")
        number = contracts.numbers.get(name)
        if number is None:
            return _no_contract()
        begin, end = (_moment(call, word) for word in ("from", "to"))
        if begin is None or end is None:
            return _failure("100001", "from and to are required", status=400)
        settled = contracts.board.settled(number, min(call.now, end / 1000), _MAX_HISTORY)
        return _success(
            [
                {"symbol": name, "fundingRate": round(rate, 8), "timepoint": stamp}
                for stamp, rate, _ in reversed(settled)
                if stamp >= begin
            ]
        )


def _key_refusal(call: Call, kind: str) -> Answer | None:
    """KuCoin's refusal of a signed call; None where key, phrase and signature are good.

    https://www.kucoin.com/docs-new/authentication"""
    if not kind:
        return _failure("400003", "KC-API-KEY not exists", status=400)
    if kind == "bound":
        return _failure("400006", "The requested ip address is not in the api whitelist", status=400)
    key = demo_key("kucoin", kind)
    phrase = hmac.new(key["secret"].encode(), key["password"].encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(phrase).decode(), call.headers.get("KC-API-PASSPHRASE", "")):
        return _failure("400004", "Invalid KC-API-PASSPHRASE", status=400)
    asked = call.path + (f"?{call.raw_query}" if call.raw_query else "")
    signed = f"{call.headers.get('KC-API-TIMESTAMP', '')}{call.method}{asked}"
    if not is_signed(signed, call.headers.get("KC-API-SIGN", ""), key["secret"]):
        return _failure("400005", "Invalid KC-API-SIGN", status=400)
    return None


def _success(data: Any) -> Answer:
    return json_answer({"code": "200000", "data": data})


def _failure(code: str, message: str, *, status: int) -> Answer:
    return json_answer({"code": code, "msg": message}, status)


def _no_contract() -> Answer:
    return _failure("100001", "Contract parameter invalid.", status=400)


def _moment(call: Call, name: str) -> int | None:
    text = call.query.get(name, "")
    return int(text) if text.isdigit() else None


def _symbol(name: str, listing: Listing) -> dict[str, Any]:
    step, tick = step_text(listing.step_dp), step_text(listing.price_dp)
    return {
        "symbol": name,
        "name": name,
        "baseCurrency": listing.base,
        "quoteCurrency": listing.quote,
        "feeCurrency": listing.quote,
        "market": "USDS",
        "baseMinSize": step,
        "quoteMinSize": "0.1",
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": step,
        "quoteIncrement": "0.00000001",
        "priceIncrement": tick,
        "priceLimitRate": "0.1",
        "minFunds": "0.1",
        "isMarginEnabled": False,
        "enableTrading": listing.place.active,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
    }


def _contract(name: str, base: str, listing: Listing) -> dict[str, Any]:
    return {
        "symbol": name,
        "rootSymbol": listing.quote,
        "type": "FFWCSX",
        "firstOpenDate": 1_585_555_200_000,
        "expireDate": None,
        "settleDate": None,
        "baseCurrency": base,
        "quoteCurrency": listing.quote,
        "settleCurrency": listing.quote,
        "maxOrderQty": 1_000_000,
        "maxPrice": 1_000_000.0,
        "lotSize": 1,
        "tickSize": 10**-listing.price_dp,
        "indexPriceTickSize": 10**-listing.price_dp,
        "multiplier": listing.contract_size,
        "initialMargin": 0.02,
        "maintainMargin": 0.01,
        "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0006,
        "takerFixFee": 0.0,
        "makerFixFee": 0.0,
        "settlementFee": None,
        "isDeleverage": True,
        "isQuanto": False,
        "isInverse": False,
        "markMethod": "FairPrice",
        "fairMethod": "FundingRate",
        "fundingRateSymbol": f".{name}FPI8H",
        "indexSymbol": f".K{base}{listing.quote}",
        "settlementSymbol": "",
        "status": "Open" if listing.place.active else "Paused",
        "maxLeverage": 75,
    }
