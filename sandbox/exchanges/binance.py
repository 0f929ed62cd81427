"""api.binance.com: the spot market.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of, step_text
from sandbox.exchanges.keys import demo_key, is_signed, key_kind
from sandbox.market.board import Quotes
from sandbox.market.catalog import Asset
from sandbox.market.listing import Listing
from sandbox.market.networks import Network, networks_of
from sandbox.market.world import World

# Books: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
MAX_DEPTH = 5_000
_MAX_KLINES = 1_000
# Binance's names of chains where they aren't ccxt's.
_NETWORKS = {"ERC20": "ETH", "BEP20": "BSC", "TRC20": "TRX"}


def failure(status: int, code: int, message: str) -> Answer:
    """Binance's error body."""
    return json_answer({"code": code, "msg": message}, status)


class BinanceHost(ExchangeHost):
    """What Binance's hosts share: errors, and answers for one symbol or for all."""

    def __init__(self, world: World, *, venue: str, is_swap: bool) -> None:
        super().__init__()
        self.board = world.board(venue, is_swap=is_swap)
        self.texts = Texts(self.board)
        self.ids = [f"{each.base}{each.quote}" for each in self.board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}

    def unknown(self, call: Call) -> Answer:
        """Binance's own page for a path that it doesn't have."""
        return Answer(404, b"<html><body><h2>404 Not found</h2></body></html>", {"Content-Type": "text/html"})

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Binance's error body for the status."""
        known = {
            418: (-1003, "Way too many requests; IP banned until further notice."),
            429: (-1003, "Too many requests; please use the websocket for live updates to avoid bans."),
            503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
        }
        code, message = known.get(status, (-1000, "An unknown error occurred while processing the request."))
        return orjson.dumps({"code": code, "msg": message})

    def time(self, call: Call) -> Answer:
        """The server's clock."""
        return json_answer({"serverTime": int(call.now * 1000)})

    def ping(self, call: Call) -> Answer:
        """Nothing, promptly."""
        return json_answer({})

    def rows(self, call: Call, row: Callable[[int], dict[str, Any]]) -> Answer:
        """One row for `symbol`, a list for `symbols` or for none of them."""
        symbol = call.query.get("symbol")
        if symbol is not None:
            number = self.numbers.get(symbol)
            return failure(400, -1121, "Invalid symbol.") if number is None else json_answer(row(number))
        wanted = call.query.get("symbols")
        if wanted is None:
            return json_answer([row(number) for number in range(len(self.ids))])
        try:
            numbers = [self.numbers[name] for name in orjson.loads(wanted)]
        except (KeyError, TypeError, orjson.JSONDecodeError):
            return failure(400, -1121, "Invalid symbol.")
        return json_answer([row(number) for number in numbers])

    def touch(self, quotes: Quotes) -> Callable[[int], dict[str, Any]]:
        """Rows of the best bid and ask."""
        bids, asks = self.texts.prices(quotes.bid), self.texts.prices(quotes.ask)
        bid_sizes, ask_sizes = self.texts.sizes(quotes.bid_size), self.texts.sizes(quotes.ask_size)
        return lambda number: {
            "symbol": self.ids[number],
            "bidPrice": bids[number],
            "bidQty": bid_sizes[number],
            "askPrice": asks[number],
            "askQty": ask_sizes[number],
        }

    def day(self, quotes: Quotes) -> Callable[[int], dict[str, Any]]:
        """Rows of the last 24 h."""
        price, size = self.texts.price, self.texts.size

        def row(number: int) -> dict[str, Any]:
            last, opened = float(quotes.last[number]), float(quotes.open[number])
            closed_at = int(quotes.ts[number])
            return {
                "symbol": self.ids[number],
                "priceChange": price(number, last - opened),
                "priceChangePercent": f"{(last / opened - 1) * 100:.3f}",
                "weightedAvgPrice": price(number, (last + opened) / 2),
                "lastPrice": price(number, last),
                "lastQty": size(number, quotes.bid_size[number]),
                "openPrice": price(number, opened),
                "highPrice": price(number, quotes.high[number]),
                "lowPrice": price(number, quotes.low[number]),
                "volume": size(number, quotes.volume[number]),
                "quoteVolume": f"{quotes.turnover[number]:.8f}",
                "openTime": closed_at - 86_400_000,
                "closeTime": closed_at,
                "firstId": 1,
                "lastId": 1000,
                "count": 1000,
            }

        return row

    def klines(self, call: Call) -> Answer:
        """Bars of one symbol, oldest first, the last one still open.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data"""
        number = self.numbers.get(call.query.get("symbol", ""))
        if number is None:
            return failure(400, -1121, "Invalid symbol.")
        step_s = STEPS.get(call.query.get("interval", ""))
        if step_s is None:
            return failure(400, -1120, "Invalid interval.")
        count = limit_of(call, "limit", 500, _MAX_KLINES)
        bars = self.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        price = self.texts.price
        return json_answer(
            [
                [
                    begin,
                    *(price(number, value) for value in prices),
                    first,
                    begin + step_s * 1000 - 1,
                    second,
                    4 * step_s // 60,
                    *self.kline_volumes(number, prices[-1], volume / 2, turnover / 2),
                    "0",
                ]
                for begin, *prices, volume, turnover in bars.rows()
                for first, second in [self.kline_volumes(number, prices[-1], volume, turnover)]
            ]
        )

    def kline_volumes(self, number: int, price: float, volume: float, turnover: float) -> tuple[str, str]:
        """The two volumes of a bar: in base and in quote currency."""
        return self.texts.size(number, volume), f"{turnover:.8f}"

    def levels(self, call: Call, most: int) -> tuple[int, list[list[str]], list[list[str]], int] | Answer:
        """Number, bids, asks and time (Unix ms) of the book asked for, or the refusal."""
        if "symbol" not in call.query:
            return failure(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        number = self.numbers.get(call.query["symbol"])
        if number is None:
            return failure(400, -1121, "Invalid symbol.")
        book = self.board.book(number, World.tick(call.now), limit_of(call, "limit", 100, most))
        sides = (
            [[self.texts.price(number, price), self.texts.size(number, size)] for price, size in side]
            for side in (book.bids, book.asks)
        )
        bids, asks = sides
        return number, bids, asks, book.ts


class BinanceSpot(BinanceHost):
    """The spot host."""

    def __init__(self, world: World) -> None:
        super().__init__(world, venue="binance", is_swap=False)
        self._symbols = orjson.Fragment(orjson.dumps([self._symbol(each) for each in self.board.listings]))
        self._coins = orjson.Fragment(orjson.dumps(_coins(world)))
        self.live = {
            "/api/v3/time": self.time,
            "/api/v3/ping": self.ping,
            "/sapi/v1/capital/config/getall": self._all_coins,
            "/sapi/v1/account/apiRestrictions": self._restrictions,
        }
        self.quiet = {
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/ticker/24hr": self._day,
            "/api/v3/ticker/bookTicker": self._book_ticker,
            "/api/v3/ticker/price": self._price,
            "/api/v3/depth": self._depth,
            "/api/v3/klines": self.klines,
            "/sapi/v1/system/status": self._status,
        }

    def _symbol(self, listing: Listing) -> dict[str, Any]:
        step, tick = step_text(listing.step_dp), step_text(listing.price_dp)
        return {
            "symbol": f"{listing.base}{listing.quote}",
            "status": "TRADING" if listing.place.active else "BREAK",
            "baseAsset": listing.base,
            "baseAssetPrecision": 8,
            "quoteAsset": listing.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000000.00000000", "stepSize": step},
                {"filterType": "NOTIONAL", "minNotional": listing.least_value, "maxNotional": "9000000.00000000"},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
        }

    def _exchange_info(self, call: Call) -> Answer:
        return json_answer(
            {
                "timezone": "UTC",
                "serverTime": int(call.now * 1000),
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
                ],
                "exchangeFilters": [],
                "symbols": self._symbols,
            }
        )

    def _book_ticker(self, call: Call) -> Answer:
        return self.rows(call, self.touch(self.board.quotes(World.tick(call.now))))

    def _day(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        day, touch = self.day(quotes), self.touch(quotes)
        return self.rows(call, lambda number: day(number) | touch(number))

    def _price(self, call: Call) -> Answer:
        last = self.texts.prices(self.board.quotes(World.tick(call.now)).last)
        return self.rows(call, lambda number: {"symbol": self.ids[number], "price": last[number]})

    def _depth(self, call: Call) -> Answer:
        found = self.levels(call, MAX_DEPTH)
        if isinstance(found, Answer):
            return found
        _, bids, asks, stamp = found
        return json_answer({"lastUpdateId": stamp, "bids": bids, "asks": asks})

    def _status(self, call: Call) -> Answer:
        return json_answer({"status": 0, "msg": "normal"})

    def _all_coins(self, call: Call) -> Answer:
        """Deposits and withdrawals by network, for holders of a key only."""
        return key_refusal(call) or json_answer(self._coins)

    def _restrictions(self, call: Call) -> Answer:
        """What the key may do.

        https://developers.binance.com/docs/wallet/account/api-key-permission"""
        kind = key_kind("binance", call.headers.get("X-MBX-APIKEY", ""))
        may = {
            "ipRestrict": False,
            "createTime": 1_698_645_219_000,
            "enableReading": True,
            "enableWithdrawals": kind == "withdraw",
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": kind != "read",
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": True,
            "enableSpotAndMarginTrading": kind != "read",
            "enablePortfolioMarginTrading": False,
        }
        return key_refusal(call) or json_answer(may)


def key_refusal(call: Call) -> Answer | None:
    """Binance's refusal of a signed call; None where key, time and signature are good.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security"""
    key = call.headers.get("X-MBX-APIKEY", "")
    if not key:
        return failure(401, -2014, "API-key format invalid.")
    kind = key_kind("binance", key)
    if kind in ("", "bound"):
        return failure(401, -2015, "Invalid API-key, IP, or permissions for action.")
    signed, _, signature = call.raw_query.rpartition("&signature=")
    if not is_signed(signed, signature, demo_key("binance", kind)["secret"]):
        return failure(400, -1022, "Signature for this request is not valid.")
    stamp, window = call.query.get("timestamp", ""), call.query.get("recvWindow", "5000")
    late_ms = call.now * 1000 - int(stamp) if stamp.isdigit() and window.isdigit() else float("inf")
    if not -1000 < late_ms <= int(window):
        return failure(400, -1021, "Timestamp for this request is outside of the recvWindow.")
    return None


def _coins(world: World) -> list[dict[str, Any]]:
    """Every coin of the spot market with its networks."""
    listings = world.board("binance", is_swap=False).listings
    names = {name for each in listings for name in (each.asset.name, each.quote)}
    return [_coin(asset, networks_of("binance", asset)) for asset in world.assets if asset.name in names]


def _coin(asset: Asset, networks: tuple[Network, ...]) -> dict[str, Any]:
    return {
        "coin": asset.name,
        "depositAllEnable": any(each.deposit for each in networks),
        "withdrawAllEnable": any(each.withdraw for each in networks),
        "name": asset.name.title(),
        "isLegalMoney": False,
        "trading": True,
        "networkList": [
            {
                "network": _NETWORKS.get(each.chain, each.chain),
                "coin": asset.name,
                "withdrawIntegerMultiple": "0.00000001",
                "isDefault": each is networks[0],
                "depositEnable": each.deposit,
                "withdrawEnable": each.withdraw,
                "name": each.chain,
                "withdrawFee": f"{each.fee:.10f}",
                "withdrawMin": f"{2 * each.fee:.10f}",
                "withdrawMax": "9999999",
                "minConfirm": 1,
                "unLockConfirm": 0,
            }
            for each in networks
        ],
    }
