"""A process that asks Binance (behind a gateway) as much as it is allowed to, for some seconds; tells as JSON how
often it was answered, held back by our own limit and refused. `python -m tests.markets.asker GATEWAY SECONDS`."""

import json
import sys
import time

import django

django.setup()

from apps.core import loop  # noqa: E402
from apps.core.exceptions import TemporaryError  # noqa: E402
from apps.markets.exchanges.binance import Binance  # noqa: E402
from apps.markets.exchanges.client import CcxtClient  # noqa: E402
from apps.markets.exchanges.throttle import RequestLimit  # noqa: E402


def main(gateway: str, seconds: float) -> None:
    """Ask for order books, over and over."""
    client = CcxtClient("binance", options=Binance.capabilities.options, gateway=gateway, limit=RequestLimit(5.0))
    adapter = Binance(client)
    loop.run(adapter.markets(), timeout=20)
    print("ready", flush=True)
    sys.stdin.readline()
    told = {"answered": 0, "held_back": 0, "refused": 0}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            loop.run(adapter.book("BTC/USDT", markets_from=0), timeout=20)
            told["answered"] += 1
        except TemporaryError as error:
            told["held_back" if error.code == "limit_reached" else "refused"] += 1
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
