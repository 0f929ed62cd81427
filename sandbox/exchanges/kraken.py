"""api.kraken.com: the spot market.

https://docs.kraken.com/api-reference/
"""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import STEPS, ExchangeHost, Texts, limit_of
from sandbox.exchanges.keys import demo_key, key_kind
from sandbox.market.board import Quotes
from sandbox.market.catalog import DOLLARS
from sandbox.market.listing import Listing
from sandbox.market.networks import networks_of
from sandbox.market.world import World

_BARS = 720
# Old assets have a class letter before their name, and Kraken calls two of them otherwise.
# https://support.kraken.com/hc/en-us/articles/360001206766
_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_COINS = ("BTC", "ETH", "XRP", "DOGE", "LTC", "XLM", "ETC", "ZEC")
_FIAT = ("USD",)
MAX_DEPTH = 500


def asset_id(name: str) -> str:
    """Kraken's id of an asset: `XXBT`, `ZUSD`, `SOL`."""
    letter = "X" if name in _COINS else "Z" if name in _FIAT else ""
    return letter + asset_name(name)


def asset_name(name: str) -> str:
    """Kraken's short name of an asset: `XBT`."""
    return _NAMES.get(name, name)


def _pair_id(listing: Listing) -> str:
    """`XXBTZUSD` where both sides are old assets, else `XBTUSDT`, `SOLUSD`; doge never got its letters."""
    both = listing.base in _COINS and listing.quote in _FIAT and listing.base != "DOGE"
    name = asset_id if both else asset_name
    return name(listing.base) + name(listing.quote)


class Kraken(ExchangeHost):
    """Kraken's public REST interface."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.board = world.board("kraken", is_swap=False)
        self.texts = Texts(self.board)
        self.ids = [_pair_id(each) for each in self.board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        # A pair may be asked for by its short name too.
        for number, each in enumerate(self.board.listings):
            self.numbers.setdefault(asset_name(each.base) + asset_name(each.quote), number)
        self._pairs = {name: _pair(each) for name, each in zip(self.ids, self.board.listings, strict=True)}
        self._assets = {asset_id(asset.name): _asset(asset) for asset in self._listed_assets(world)}
        self.live = {"/0/public/Time": self._time, "/0/private/GetApiKeyInfo": self._key}
        self.quiet = {
            "/0/public/SystemStatus": self._status,
            "/0/public/Assets": self._asset_info,
            "/0/public/AssetPairs": self._asset_pairs,
            "/0/public/Ticker": self._ticker,
            "/0/public/Depth": self._depth,
            "/0/public/OHLC": self._ohlc,
        }

    def unknown(self, call: Call) -> Answer:
        """Kraken's own words, with a status that says nothing."""
        return _failure("EGeneral:Unknown method")

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Kraken's error body for the status."""
        words = {
            418: "EGeneral:Temporary lockout",
            429: "EAPI:Rate limit exceeded",
            503: "EService:Unavailable",
        }.get(status, "EGeneral:Internal error")
        return orjson.dumps({"error": [words]})

    def _listed_assets(self, world: World) -> list[Any]:
        names = {name for each in self.board.listings for name in (each.asset.name, each.quote)}
        return [asset for asset in world.assets if asset.name in names]

    def _time(self, call: Call) -> Answer:
        words = time.strftime("%a, %d %b %y %H:%M:%S +0000", time.gmtime(call.now))
        return _success({"unixtime": int(call.now), "rfc1123": words})

    def _key(self, call: Call) -> Answer:
        """What the key may do.

        https://docs.kraken.com/api-reference/account-data/get-api-key-info"""
        key = call.headers.get("API-Key", "")
        kind = key_kind("kraken", key)
        may = ["query-funds", "query-open-trades"]
        may += ["modify-trades"] * (kind != "read") + ["withdraw-funds"] * (kind == "withdraw")
        return _key_refusal(call, kind) or _success(
            {"apiKeyName": "sandbox", "apiKey": key, "permissions": may, "ipAllowlist": [], "validUntil": "0"}
        )

    def _status(self, call: Call) -> Answer:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(call.now))
        return _success({"status": "online", "timestamp": stamp})

    def _asset_info(self, call: Call) -> Answer:
        return _success(self._assets)

    def _asset_pairs(self, call: Call) -> Answer:
        return _success(self._pairs)

    def _ticker(self, call: Call) -> Answer:
        quotes = self.board.quotes(World.tick(call.now))
        wanted = call.query.get("pair")
        names = wanted.split(",") if wanted else self.ids
        if any(name not in self.numbers for name in names):
            return _failure("EQuery:Unknown asset pair")
        numbers = [self.numbers[name] for name in names]
        return _success({self.ids[number]: self._row(number, quotes) for number in numbers})

    def _row(self, number: int, quotes: Quotes) -> dict[str, Any]:
        """One ticker: touch as [price, whole lots, lots], figures as [today, last 24 h]."""
        price, last = self.texts.price, float(quotes.last[number])
        opened, volume = float(quotes.open[number]), float(quotes.volume[number])
        vwap = price(number, quotes.turnover[number] / volume)
        return {
            "a": self._touch(number, quotes.ask[number], quotes.ask_size[number]),
            "b": self._touch(number, quotes.bid[number], quotes.bid_size[number]),
            "c": [price(number, last), f"{quotes.bid_size[number]:.8f}"],
            "v": [f"{volume / 2:.8f}", f"{volume:.8f}"],
            "p": [vwap, vwap],
            "t": [500, 1000],
            "l": [price(number, quotes.low[number])] * 2,
            "h": [price(number, quotes.high[number])] * 2,
            "o": price(number, opened),
        }

    def _touch(self, number: int, price: float, size: float) -> list[str]:
        return [self.texts.price(number, price), str(int(size)), f"{size:.3f}" if size >= 1 else f"{size:.8f}"]

    def _depth(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("pair", ""))
        if number is None:
            return _failure("EQuery:Unknown asset pair")
        book = self.board.book(number, World.tick(call.now), limit_of(call, "count", 100, MAX_DEPTH))
        bids, asks = (
            [[self.texts.price(number, price), f"{size:.8f}", book.ts // 1000] for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _success({self.ids[number]: {"asks": asks, "bids": bids}})

    def _ohlc(self, call: Call) -> Answer:
        """https://docs.kraken.com/api/docs/rest-api/get-ohlc-data"""
        number = self.numbers.get(call.query.get("pair", ""))
        if number is None:
            return _failure("EQuery:Unknown asset pair")
        minutes = call.query.get("interval", "1")
        if not (minutes.isdigit() and int(minutes) * 60 in STEPS.values()):
            return _failure("EGeneral:Invalid arguments")
        bars = self.board.klines(number, step_s=int(minutes) * 60, count=_BARS, now=World.tick(call.now))
        rows = [
            [
                begin // 1000,
                *(self.texts.price(number, value) for value in prices),
                self.texts.price(number, turnover / volume),
                f"{volume:.8f}",
                4 * int(minutes),
            ]
            for begin, *prices, volume, turnover in bars.rows()
        ]
        return _success({self.ids[number]: rows, "last": rows[-2][0]})


def _key_refusal(call: Call, kind: str) -> Answer | None:
    """Kraken's refusal of a signed call; None where key and signature are good.

    https://docs.kraken.com/api/docs/guides/spot-rest-auth"""
    if not kind:
        return _failure("EAPI:Invalid key")
    if kind == "bound":
        return _failure("EGeneral:Permission denied")
    nonce = parse_qs(call.body.decode()).get("nonce", [""])[0]
    digest = hashlib.sha256(nonce.encode() + call.body).digest()
    secret = base64.b64decode(demo_key("kraken", kind)["secret"])
    made = base64.b64encode(hmac.new(secret, call.path.encode() + digest, hashlib.sha512).digest()).decode()
    return None if hmac.compare_digest(made, call.headers.get("API-Sign", "")) else _failure("EAPI:Invalid signature")


def _success(result: dict[str, Any]) -> Answer:
    return json_answer({"error": [], "result": result})


def _failure(words: str) -> Answer:
    return json_answer({"error": [words]})


def _pair(listing: Listing) -> dict[str, Any]:
    return {
        "altname": asset_name(listing.base) + asset_name(listing.quote),
        "wsname": f"{asset_name(listing.base)}/{asset_name(listing.quote)}",
        "aclass_base": "currency",
        "base": asset_id(listing.base),
        "aclass_quote": "currency",
        "quote": asset_id(listing.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": listing.price_dp,
        "lot_decimals": listing.step_dp,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        # In per cent by volume of 30 days; one dollar for another is cheaper.
        "fees": [[0, 0.2], [50_000, 0.16]] if listing.base in DOLLARS else [[0, 0.4], [10_000, 0.35]],
        "fees_maker": [[0, 0.2], [50_000, 0.16]] if listing.base in DOLLARS else [[0, 0.25], [10_000, 0.2]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{10**-listing.step_dp:.{listing.step_dp}f}",
        "costmin": "0.5",
        "tick_size": f"{10**-listing.price_dp:.{listing.price_dp}f}",
        "status": "online" if listing.place.active else "cancel_only",
    }


def _asset(asset: Any) -> dict[str, Any]:
    """An asset with its state, which Kraken tells for all of its networks together."""
    networks = networks_of("kraken", asset)
    deposit = any(each.deposit for each in networks) or not networks
    withdraw = any(each.withdraw for each in networks) or not networks
    status = {
        (True, True): "enabled",
        (True, False): "deposit_only",
        (False, True): "withdrawal_only",
        (False, False): "funding_temporarily_disabled",
    }[deposit, withdraw]
    return {
        "aclass": "currency",
        "altname": asset_name(asset.name),
        "decimals": 10,
        "display_decimals": 5,
        "status": status,
    }
