"""api.coinbase.com: Advanced Trade, spot. Best bid and ask of everything are only for holders of a key.

https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.exchanges.base import ExchangeHost, Texts, bars_since, limit_of, step_text
from sandbox.exchanges.keys import key_kind, token_claims
from sandbox.market.board import Quotes
from sandbox.market.listing import Listing
from sandbox.market.world import World

_BEST = "/api/v3/brokerage/best_bid_ask"
_MAX_CANDLES = 350
_GRANULARITIES = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1_800,
    "ONE_HOUR": 3_600,
    "TWO_HOUR": 7_200,
    "SIX_HOUR": 21_600,
    "ONE_DAY": 86_400,
}
_FIAT = {"USD": "US Dollar"}


class Coinbase(ExchangeHost):
    """Coinbase's public interface, and the one signed call for quotes."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.board = world.board("coinbase", is_swap=False)
        self.texts = Texts(self.board)
        self.ids = [f"{each.base}-{each.quote}" for each in self.board.listings]
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        self._coins = sorted({each.base for each in self.board.listings})
        self.live = {
            "/v2/time": self._time,
            "/api/v3/brokerage/time": self._time_v3,
            _BEST: self._best_bid_ask,
            "/api/v3/brokerage/key_permissions": self._key_permissions,
        }
        self.quiet = {
            "/v2/currencies": self._currencies,
            "/v2/currencies/crypto": self._crypto,
            "/v2/exchange-rates": self._rates,
            "/api/v3/brokerage/market/products": self._products,
            "/api/v3/brokerage/market/product_book": self._product_book,
            **{f"/api/v3/brokerage/market/products/{name}/candles": self._candles for name in self.ids},
        }

    def unknown(self, call: Call) -> Answer:
        """Coinbase's own not found."""
        return json_answer({"errors": [{"id": "not_found", "message": "Not found"}]}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Coinbase's error body for the status."""
        words = {429: "rate_limit_exceeded", 503: "internal_server_error"}.get(status, "internal_server_error")
        return orjson.dumps({"errors": [{"id": words, "message": words.replace("_", " ")}]})

    def _time(self, call: Call) -> Answer:
        return json_answer({"data": {"iso": _moment(call.now), "epoch": int(call.now)}})

    def _time_v3(self, call: Call) -> Answer:
        return json_answer(
            {
                "iso": _moment(call.now),
                "epochSeconds": str(int(call.now)),
                "epochMillis": str(int(call.now * 1000)),
            }
        )

    def _currencies(self, call: Call) -> Answer:
        return json_answer({"data": [{"id": code, "name": name, "min_size": "0.01"} for code, name in _FIAT.items()]})

    def _crypto(self, call: Call) -> Answer:
        rows = [
            {"asset_id": f"asset-{name}", "code": name, "name": name.title(), "exponent": "8", "type": "crypto"}
            for name in self._coins
        ]
        return json_answer({"data": rows})

    def _rates(self, call: Call) -> Answer:
        mids = self.board.quotes(World.tick(call.now)).mid
        rates = {each.base: f"{1 / mid:.12f}" for each, mid in zip(self.board.listings, mids, strict=True) if mid > 0}
        return json_answer({"data": {"currency": "USD", "rates": rates}})

    def _products(self, call: Call) -> Answer:
        if call.query.get("product_type", "SPOT") != "SPOT":
            return json_answer({"products": [], "num_products": 0})
        quotes = self.board.quotes(World.tick(call.now))
        rows = [self._product(number, each, quotes) for number, each in enumerate(self.board.listings)]
        return json_answer({"products": rows, "num_products": len(rows)})

    def _product(self, number: int, listing: Listing, quotes: Quotes) -> dict[str, Any]:
        last, opened = float(quotes.last[number]), float(quotes.open[number])
        return {
            "product_id": self.ids[number],
            "price": self.texts.price(number, last),
            "price_percentage_change_24h": f"{(last / opened - 1) * 100:.8f}",
            "volume_24h": self.texts.size(number, quotes.volume[number]),
            "volume_percentage_change_24h": "0",
            "base_increment": step_text(listing.step_dp),
            "quote_increment": step_text(listing.price_dp),
            "quote_min_size": "1",
            "quote_max_size": "150000000",
            "base_min_size": step_text(listing.step_dp),
            "base_max_size": "900000000",
            "base_name": listing.base.title(),
            "quote_name": _FIAT.get(listing.quote, listing.quote),
            "watched": False,
            "is_disabled": False,
            "new": False,
            "status": "online" if listing.place.active else "delisted",
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "trading_disabled": not listing.place.active,
            "auction_mode": False,
            "product_type": "SPOT",
            "quote_currency_id": listing.quote,
            "base_currency_id": listing.base,
            "fcm_trading_session_details": None,
            "mid_market_price": "",
            "alias": "",
            "alias_to": [],
            "base_display_symbol": listing.base,
            "quote_display_symbol": listing.quote,
            "view_only": False,
            "price_increment": step_text(listing.price_dp),
            "display_name": self.ids[number],
            "product_venue": "CBE",
            "approximate_quote_24h_volume": f"{quotes.turnover[number]:.2f}",
            # Known fields, empty in the public list.
            "best_bid_price": "",
            "best_ask_price": "",
        }

    def _best_bid_ask(self, call: Call) -> Answer:
        if not _key_of(call):
            return _unauthorized()
        quotes = self.board.quotes(World.tick(call.now))
        wanted = [value for name, value in call.query.items() if name == "product_ids"]
        numbers = [self.numbers[name] for name in wanted if name in self.numbers] if wanted else range(len(self.ids))
        return json_answer({"pricebooks": [self._touch(number, quotes) for number in numbers]})

    def _key_permissions(self, call: Call) -> Answer:
        """What the key may do.

        https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions"""
        kind = _key_of(call)
        may = {
            "can_view": True,
            "can_trade": kind != "read",
            "can_transfer": kind == "withdraw",
            "portfolio_uuid": "5d1e7a52-0000-4000-8000-000000000000",
            "portfolio_type": "DEFAULT",
        }
        return json_answer(may) if kind else _unauthorized()

    def _touch(self, number: int, quotes: Quotes) -> dict[str, Any]:
        return {
            "product_id": self.ids[number],
            "bids": [self._level(number, quotes.bid[number], quotes.bid_size[number])],
            "asks": [self._level(number, quotes.ask[number], quotes.ask_size[number])],
            "time": _moment(int(quotes.ts[number]) / 1000),
        }

    def _product_book(self, call: Call) -> Answer:
        number = self.numbers.get(call.query.get("product_id", ""))
        if number is None:
            details = "valid product_id is required"
            return json_answer({"error": "INVALID_ARGUMENT", "error_details": details, "message": details}, 400)
        book = self.board.book(number, World.tick(call.now), limit_of(call, "limit", 50, 1_000))
        bids, asks = ([self._level(number, price, size) for price, size in side] for side in (book.bids, book.asks))
        body = {"product_id": self.ids[number], "bids": bids, "asks": asks, "time": _moment(book.ts / 1000)}
        return json_answer({"pricebook": body})

    def _candles(self, call: Call) -> Answer:
        """https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/get-public-product-candles"""
        number = self.numbers[call.path.split("/")[-2]]
        step_s = _GRANULARITIES.get(call.query.get("granularity", ""))
        if step_s is None:
            details = "granularity is invalid"
            return json_answer({"error": "INVALID_ARGUMENT", "error_details": details, "message": details}, 400)
        count = bars_since(call.query.get("start", ""), step_s, call.now, _MAX_CANDLES)
        bars = self.board.klines(number, step_s=step_s, count=count, now=World.tick(call.now))
        rows = [
            {
                "start": str(begin // 1000),
                "low": self.texts.price(number, low),
                "high": self.texts.price(number, high),
                "open": self.texts.price(number, begun),
                "close": self.texts.price(number, close),
                "volume": f"{volume:.8f}",
            }
            for begin, begun, high, low, close, volume, _ in bars.rows()
        ]
        return json_answer({"candles": rows[::-1]})

    def _level(self, number: int, price: float, size: float) -> dict[str, str]:
        return {"price": self.texts.price(number, price), "size": self.texts.size(number, size)}


def _unauthorized() -> Answer:
    return Answer(401, b"Unauthorized\n", {"Content-Type": "text/plain; charset=utf-8"})


def _key_of(call: Call) -> str:
    """The kind of the key whose token the call carries, made for just this address and not expired; else ""."""
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    claims = token_claims(token) if scheme == "Bearer" else None
    if claims is None:
        return ""
    uris, until = claims.get("uris"), claims.get("exp")
    meant = isinstance(uris, list) and any(str(uri).endswith(f"{call.host}{call.path}") for uri in uris)
    if not meant or not isinstance(until, int | float) or until <= call.now:
        return ""
    kind = key_kind("coinbase", str(claims["sub"]))
    return "" if kind == "bound" else kind


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
