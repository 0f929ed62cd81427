"""Settled fundings of every exchange that has them, against the sandbox over real HTTP: what was paid, in order, and
spaced by the interval that the exchange tells."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from apps.core import clock, loop
from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.funding import interval_settled
from tests.markets.adapters import adapters_close, unthrottled
from tests.sandbox_process import Sandbox

PERPETUALS = [
    name for name in registry.EXCHANGES.names() if SnapshotKind.SWAP in registry.adapter_class(name).capabilities.quotes
]
pytestmark = pytest.mark.parametrize("exchange", PERPETUALS)


@pytest.fixture
def adapter(exchange: str, sandbox: Sandbox) -> ExchangeAdapter:
    """The exchange's warm adapter behind the sandbox."""
    return unthrottled(registry.adapter(exchange, gateway=sandbox.url))


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    """Close the warm adapters at the end of the module."""
    yield
    adapters_close()


def run(coroutine: Any) -> Any:
    return loop.run(coroutine, timeout=25.0)


def test_settled_fundings_tell_what_was_paid_and_how_often(adapter: ExchangeAdapter) -> None:
    told = run(adapter.funding(markets_from=0)).value
    known = np.flatnonzero(told.interval_hours > 0)
    row = int(known[0]) if len(known) else 0
    reply = run(adapter.settled(told.symbols[row], since=None, markets_from=0))
    settled = reply.value
    assert len(settled.settled_at) >= 10
    assert (np.diff(settled.settled_at) > 0).all()
    assert settled.settled_at[-1] <= clock.now_ms()
    assert (np.abs(settled.rate) < 0.05).all()
    hours = interval_settled(settled.settled_at)
    assert hours == (told.interval_hours[row] if len(known) else adapter.constant_hours)
    # The newest ones come first of all: the last interval holds the last of them.
    assert clock.now_ms() - settled.settled_at[-1] <= hours * 3_600_000 + 60_000
    again = run(adapter.settled(told.symbols[row], since=int(settled.settled_at[-3]) + 1, markets_from=0)).value
    assert again.settled_at.tolist() == settled.settled_at[-2:].tolist()
    assert again.rate.tolist() == settled.rate[-2:].tolist()
    nothing = run(adapter.settled(told.symbols[row], since=int(settled.settled_at[-1]) + 1, markets_from=0)).value
    assert len(nothing.settled_at) == len(nothing.rate) == 0


def test_a_symbol_without_fundings_is_refused(adapter: ExchangeAdapter) -> None:
    with pytest.raises(PermanentError):
        run(adapter.settled("NOSUCH/COIN:COIN", since=None, markets_from=0))
