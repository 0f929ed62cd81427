"""Can the configured exchanges be reached from here at all? Asked once, before a live run starts."""

import asyncio
from typing import Final

from django.conf import settings

from apps.core import loop
from apps.core.exceptions import ArbEdgeError
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter

WAIT_S: Final = 12.0


def exchanges_reach() -> dict[str, str]:
    """By exchange of settings.EXCHANGES why it can't be used now, "" where it answers. Imports ccxt."""
    reasons: dict[str, str] = {}
    adapters: dict[str, ExchangeAdapter] = {}
    for name in settings.EXCHANGES:
        try:
            adapters[name] = registry.adapter(name, gateway=settings.SANDBOX_URL)
        except ArbEdgeError as error:
            reasons[name] = error.message
    answers = loop.run(_ask_all(adapters), timeout=WAIT_S + 5) if adapters else {}
    return {name: reasons.get(name, answers.get(name, "")) for name in settings.EXCHANGES}


async def _ask_all(adapters: dict[str, ExchangeAdapter]) -> dict[str, str]:
    reasons = await asyncio.gather(*(_ask(adapter) for adapter in adapters.values()))
    return dict(zip(adapters, reasons, strict=True))


async def _ask(adapter: ExchangeAdapter) -> str:
    client = adapter.client
    try:
        async with asyncio.timeout(WAIT_S):
            if client.has("fetchTime"):
                await client.call("fetch_time")
            else:
                await client.load(not_before=None)
    except TimeoutError:
        return f"no answer within {WAIT_S:g} s"
    except ArbEdgeError as error:
        return error.message
    return ""
