"""What every exchange of the registry has to do, against the sandbox over real HTTP. A new exchange adds no test: it is
in the registry, and the sandbox speaks for it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from apps.core import loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.parametrize("exchange", registry.EXCHANGES.names())


@pytest.fixture
def adapter(exchange: str, sandbox: Sandbox) -> ExchangeAdapter:
    """The exchange's warm adapter behind the sandbox."""
    adapter = registry.adapter(exchange, gateway=sandbox.url)
    # The sandbox bans nobody: without ccxt's pauses between calls this suite takes seconds instead of a minute.
    adapter.client._ccxt.enableRateLimit = False  # type: ignore[attr-defined]
    return adapter


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    """Close the warm adapters at the end of the module."""
    yield
    for adapter in registry.adapters_forget():
        loop.run(adapter.close(), timeout=5)


def run(coroutine: Any, *, timeout: float = 25.0) -> Any:
    return loop.run(coroutine, timeout=timeout)


def first_kind(adapter: ExchangeAdapter) -> SnapshotKind:
    return next(iter(adapter.able.quotes))


def test_the_flags_match_what_ccxt_says(adapter: ExchangeAdapter) -> None:
    able = adapter.able
    for kind, call in able.quotes.items():
        assert adapter.client.has(kind.value)
        name, *words = call.method.split("_")
        assert adapter.client.has(name + "".join(word.title() for word in words))
    if able.funding:
        assert adapter.client.has("fetchFundingRates")
        assert SnapshotKind.SWAP in able.quotes
        assert not able.funding.intervals_method or adapter.client.has("fetchFundingIntervals")
        assert able.funding.default_hours is None or able.funding.default_source.startswith("https://")
    assert able.kinds == type(adapter).capabilities.kinds


def test_markets_are_spot_or_linear_with_their_sizes_and_fees(adapter: ExchangeAdapter) -> None:
    specs = run(adapter.markets())
    assert len(specs) > 20
    assert len({spec.symbol for spec in specs}) == len(specs)
    wanted = {MarketType.SPOT: SnapshotKind.SPOT, MarketType.SWAP: SnapshotKind.SWAP}
    assert {wanted[spec.type] for spec in specs} == set(adapter.able.quotes)
    for spec in specs:
        assert spec.contract_size > 0
        assert spec.amount_step is not None
        assert spec.amount_step > 0
        assert spec.taker_fee is not None
        assert 0 < spec.taker_fee < 1
        if spec.type is MarketType.SWAP:
            assert spec.symbol == f"{spec.base}/{spec.quote}:{spec.settle}"
            assert spec.settle == spec.quote


def test_quotes_come_in_one_call_with_sizes_and_times(adapter: ExchangeAdapter) -> None:
    for kind in adapter.able.quotes:
        reply = run(adapter.quotes(kind, markets_from=0))
        columns = reply.value
        assert reply.exchange_at is not None
        assert abs(reply.exchange_at - reply.received_at) < 60_000
        assert len(columns.symbols) > 20
        assert all((":" in symbol) is (kind is SnapshotKind.SWAP) for symbol in columns.symbols)
        good = np.isfinite(columns.bid) & np.isfinite(columns.ask) & (columns.bid > 0) & (columns.bid <= columns.ask)
        # The sandbox plants a few bad rows; they are for the validation to refuse.
        assert good.mean() > 0.9
        assert (columns.bid_size[good] > 0).mean() > 0.9


def test_funding_rates_have_intervals_and_next_times(adapter: ExchangeAdapter) -> None:
    if adapter.able.funding is None:
        with pytest.raises(PermanentError) as caught:
            run(adapter.funding(markets_from=0))
        assert caught.value.code == "not_supported"
        return
    columns = run(adapter.funding(markets_from=0)).value
    assert len(columns.symbols) > 20
    assert (np.abs(columns.rate) < 0.05).all()
    known = columns.interval_hours[np.isfinite(columns.interval_hours)]
    assert set(known.tolist()) <= {1.0, 2.0, 4.0, 8.0}
    assert len(known) > 0.9 * len(columns.symbols)
    assert (columns.next_funding_at > 0).all()


def test_a_book_is_sorted_and_bounded(adapter: ExchangeAdapter) -> None:
    quotes = run(adapter.quotes(first_kind(adapter), markets_from=0)).value
    book = run(adapter.book(quotes.symbols[0], markets_from=0)).value
    bids, asks = [price for price, _ in book.bids], [price for price, _ in book.asks]
    assert 0 < len(bids) <= 50
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert all(size > 0 for _, size in (*book.bids, *book.asks))


def test_a_kind_that_it_does_not_have_is_refused_without_asking(adapter: ExchangeAdapter, sandbox: Sandbox) -> None:
    sandbox.faults([{"status": 500}])
    for kind in {SnapshotKind.SPOT, SnapshotKind.SWAP} - set(adapter.able.quotes):
        with pytest.raises(PermanentError) as caught:
            run(adapter.quotes(kind, markets_from=0))
        assert caught.value.code == "not_supported"


def test_an_unknown_symbol_is_permanent(adapter: ExchangeAdapter) -> None:
    with pytest.raises(PermanentError) as caught:
        run(adapter.book("NOSUCH/COIN", markets_from=0))
    assert caught.value.code == "bad_symbol"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"status": 429, "retry_after": 7}, ThrottledError, "throttled"),
        ({"status": 418, "retry_after": 7}, ThrottledError, "throttled"),
        ({"status": 503, "body": "unavailable"}, TemporaryError, "unavailable"),
        ({"status": 500, "body": "<html>oops</html>"}, TemporaryError, "unavailable"),
        ({"garbage": True}, TemporaryError, "bad_response"),
        ({"cut": "before"}, TemporaryError, "unavailable"),
        ({"cut": "middle"}, TemporaryError, "unavailable"),
        ({"status": 451, "body": "restricted"}, PermanentError, "restricted"),
    ],
)
def test_each_fault_says_what_to_do(
    adapter: ExchangeAdapter, sandbox: Sandbox, fault: dict[str, Any], kind: type[ArbEdgeError], code: str
) -> None:
    ask = first_kind(adapter)
    run(adapter.quotes(ask, markets_from=0))
    sandbox.faults([fault])
    with pytest.raises(ArbEdgeError) as caught:
        run(adapter.quotes(ask, markets_from=0))
    assert (type(caught.value), caught.value.code) == (kind, code)
    if isinstance(caught.value, ThrottledError):
        assert caught.value.retry_after == 7
    sandbox.faults([])
    assert run(adapter.quotes(ask, markets_from=0)).value.symbols


def test_silence_ends_with_the_deadline_and_the_client_lives_on(adapter: ExchangeAdapter, sandbox: Sandbox) -> None:
    ask = first_kind(adapter)
    run(adapter.quotes(ask, markets_from=0))
    sandbox.faults([{"latency_s": 30.0, "count": 1}])
    with pytest.raises(TemporaryError) as caught:
        run(adapter.quotes(ask, markets_from=0), timeout=3)
    assert caught.value.code == "timeout"
    sandbox.faults([])
    assert run(adapter.quotes(ask, markets_from=0)).value.symbols
