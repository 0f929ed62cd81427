"""The share of a core that twelve exchanges polled every five seconds take, over real HTTP from a sandbox process."""

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command

from apps.core import loop
from apps.markets import services
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.services.feeds import FUNDING_EVERY_S
from tests.markets.offline import by_ccxt
from tests.sandbox_process import sandbox_run

EXCHANGES = (
    "binance", "binanceusdm", "bingx", "bitget", "bybit", "gate", "htx", "hyperliquid", "kucoin", "kucoinfutures",
    "mexc", "okx",
)  # fmt: skip
SYMBOLS = 2000
POLL_S = 5.0
ROUNDS = 3
MOST = 0.3


def figures() -> Iterator[dict[str, Any]]:
    """CPU seconds of our process per second; the control parses the same feeds with ccxt."""
    call_command("migrate", verbosity=0)
    settings.EXCHANGES = list(EXCHANGES)
    with sandbox_run("--symbols", str(SYMBOLS)) as sandbox:
        settings.SANDBOX_URL = sandbox.url
        services.exchanges_setup()
        for exchange in EXCHANGES:
            services.exchange_sync_markets(exchange=exchange)
        # The first polls look everything up.
        _share()
        value = min(_share() for _ in range(ROUNDS))
        for exchange in EXCHANGES:
            by_ccxt(registry.adapter(exchange, gateway=sandbox.url))
        # Some of what ccxt makes of the answers is refused: it takes other times for those of the rows.
        control = _share(refused_too=True)
        for adapter in registry.adapters_forget():
            loop.run(adapter.close(), timeout=5)
    yield {
        "bench": "ingest_core_share",
        "value": round(value, 3),
        "unit": "cores",
        "control": round(control, 3),
        "ratio": round(value / control, 3),
        "ok": value < MOST,
    }


def _share(*, refused_too: bool = False) -> float:
    """One round of all feeds; quotes count once per poll, funding rates as often as they are due."""
    share = 0.0
    for exchange in EXCHANGES:
        for kind in registry.adapter_class(exchange).capabilities.kinds:
            every = FUNDING_EVERY_S if kind is SnapshotKind.FUNDING else POLL_S
            begun = time.process_time()
            report = services.ingest(exchange=exchange, kind=kind)
            share += (time.process_time() - begun) / every
            if report is None or (report.state is not FeedState.OK and not refused_too):
                raise AssertionError(f"{exchange} {kind} did not come: {report}")
    return share
