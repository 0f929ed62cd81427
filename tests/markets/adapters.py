"""The warm adapters of a test's process: asking the sandbox with them, their end, their budgets of requests."""

import asyncio

from apps.core import loop, redis
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.credentials import Credentials
from apps.markets.exchanges.throttle import limit_key
from sandbox.exchanges.keys import KEYS


def adapter_of(exchange: str, gateway: str) -> ExchangeAdapter:
    """The exchange's warm adapter behind the sandbox, with its key where quotes are for holders of one."""
    calls = registry.adapter_class(exchange).capabilities.quotes.values()
    if any(call.signed for call in calls):
        return unthrottled(registry.signed_adapter(exchange, gateway=gateway, key=Credentials(KEYS[exchange])))
    return unthrottled(registry.adapter(exchange, gateway=gateway))


def unthrottled(adapter: ExchangeAdapter) -> ExchangeAdapter:
    """The adapter, asking as often as it likes: the sandbox bans nobody."""
    adapter.client._ccxt.enableRateLimit = False  # type: ignore[attr-defined]
    return adapter


def adapters_close() -> None:
    """Take out and close all warm adapters."""
    adapters = registry.adapters_forget()

    async def close() -> None:
        await asyncio.gather(*(adapter.close() for adapter in adapters))

    for adapter in adapters:
        # ccxt waits a quarter of a second for TLS to end; there is none here.
        adapter.client._ccxt.timeout_on_exit = 0  # type: ignore[attr-defined]
    if adapters:
        loop.run(close(), timeout=20)


def budgets_forget() -> None:
    """Every exchange's budget of requests is whole: what an earlier test asked makes no later one wait."""
    state = redis.state()
    if keys := list(state.scan_iter(f"arbedge:limit:{limit_key('*')}", count=1000)):
        state.delete(*keys)
