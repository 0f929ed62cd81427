"""dapi.binance.com and eapi.binance.com: nothing is listed there, which ccxt's binance class has to be told."""

import orjson

from sandbox.calls import Answer, Call, Route, json_answer
from sandbox.exchanges.base import ExchangeHost


def _empty_list(_: Call) -> Answer:
    return json_answer([])


def _time(call: Call) -> Answer:
    return json_answer({"serverTime": int(call.now * 1000)})


class _Empty(ExchangeHost):
    def unknown(self, call: Call) -> Answer:
        """Not found."""
        return json_answer({"code": -5000, "msg": f"Path {call.path}, Method {call.method} is invalid"}, 404)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Binance's error body."""
        return orjson.dumps({"code": -1003 if status == 429 else -1000, "msg": f"status {status}"})


class BinanceDelivery(_Empty):
    """Coin-margined contracts: none."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, Route] = {"/dapi/v1/time": _time}
        lists = ("ticker/24hr", "ticker/bookTicker", "premiumIndex", "fundingInfo")
        self.quiet: dict[str, Route] = {f"/dapi/v1/{path}": _empty_list for path in lists}
        self.quiet["/dapi/v1/exchangeInfo"] = self._exchange_info

    def _exchange_info(self, call: Call) -> Answer:
        now = int(call.now * 1000)
        return json_answer(
            {"timezone": "UTC", "serverTime": now, "rateLimits": [], "exchangeFilters": [], "symbols": []}
        )


class BinanceOptions(_Empty):
    """Options: none."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, Route] = {"/eapi/v1/time": _time}
        self.quiet: dict[str, Route] = {"/eapi/v1/exchangeInfo": self._exchange_info, "/eapi/v1/ticker": _empty_list}

    def _exchange_info(self, call: Call) -> Answer:
        now = int(call.now * 1000)
        lists: dict[str, list[object]] = {
            "optionContracts": [],
            "optionAssets": [],
            "optionSymbols": [],
            "rateLimits": [],
        }
        return json_answer({"timezone": "UTC", "serverTime": now, **lists})
