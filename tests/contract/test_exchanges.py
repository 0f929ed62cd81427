"""What every exchange of the registry has to do, against the sandbox over real HTTP. A new exchange adds no test: it is
in the registry, and the sandbox speaks for it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from apps.core import loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.markets.enums import FeedState, MarketType, SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.credentials import Credentials
from apps.markets.funding import intervals_resolve
from apps.markets.judge import Pulse, Rules, feed_judge
from sandbox.exchanges.keys import KEYS
from tests.markets.adapters import adapter_of, adapters_close, unthrottled
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.parametrize("exchange", registry.EXCHANGES.names())


@pytest.fixture
def adapter(exchange: str, sandbox: Sandbox) -> ExchangeAdapter:
    """The exchange's warm adapter behind the sandbox, with the sandbox's key where quotes are for holders of one."""
    return adapter_of(exchange, sandbox.url)


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    """Close the warm adapters at the end of the module."""
    yield
    adapters_close()


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
        method = able.funding.method
        assert adapter.client.has("fetchFundingRates") if method.startswith("fetch") else method in able.endpoints
        assert SnapshotKind.SWAP in able.quotes
        assert not able.funding.intervals_method or adapter.client.has("fetchFundingIntervals")
        assert able.funding.constant_hours is None or able.funding.constant_source.startswith("https://")
    assert able.kinds == type(adapter).capabilities.kinds


def test_markets_are_spot_or_perpetual_with_their_sizes_and_fees(adapter: ExchangeAdapter) -> None:
    specs = run(adapter.markets())
    assert len(specs) > 20
    assert len({spec.symbol for spec in specs}) == len(specs)
    perpetuals = (MarketType.SWAP, MarketType.INVERSE)
    wanted = {MarketType.SPOT: SnapshotKind.SPOT, **dict.fromkeys(perpetuals, SnapshotKind.SWAP)}
    assert {wanted[spec.type] for spec in specs} == set(adapter.able.quotes)
    for spec in specs:
        assert spec.contract_size > 0
        assert spec.amount_step is not None
        assert spec.amount_step > 0
        assert spec.taker_fee is not None
        assert 0 < spec.taker_fee < 1
        if spec.type in perpetuals:
            # ccxt writes symbols in capitals, we keep the exchange's kPEPE as it is.
            assert spec.symbol == f"{spec.base}/{spec.quote}:{spec.settle}".upper()
            assert spec.settle == (spec.quote if spec.type is MarketType.SWAP else spec.base)


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
        assert columns.has_sizes is adapter.able.quotes[kind].has_sizes
        assert (columns.bid_size[good] > 0).mean() > 0.9 if columns.has_sizes else np.isnan(columns.bid_size).all()


def test_funding_rates_have_intervals_and_next_times(adapter: ExchangeAdapter) -> None:
    if adapter.able.funding is None:
        with pytest.raises(PermanentError) as caught:
            run(adapter.funding(markets_from=0))
        assert caught.value.code == "not_supported"
        return
    columns = run(adapter.funding(markets_from=0)).value
    assert len(columns.symbols) > 20
    assert (np.abs(columns.rate) < 0.05).all()
    # Settled history could fill the gaps; here nothing but the exchange's word and its documented constant count.
    hours, _ = intervals_resolve(columns.interval_hours, np.full(len(columns.rate), np.nan), adapter.constant_hours)
    known = hours[np.isfinite(hours)]
    assert set(known.tolist()) <= {1.0, 2.0, 4.0, 8.0}
    assert len(known) > 0.9 * len(columns.symbols)
    assert (columns.next_funding_at > 0).all()


def test_a_book_is_sorted_and_bounded(adapter: ExchangeAdapter) -> None:
    quotes = run(adapter.quotes(first_kind(adapter), markets_from=0)).value
    book = run(adapter.book(quotes.symbols[0], markets_from=0)).value
    bids, asks = [price for price, _ in book.bids], [price for price, _ in book.asks]
    assert 0 < len(bids) <= (adapter.able.book_levels or 50)
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert all(size > 0 for _, size in (*book.bids, *book.asks))


def test_deposits_and_withdrawals_are_told_by_network_or_not_at_all(exchange: str, sandbox: Sandbox) -> None:
    call = registry.adapter_class(exchange).capabilities.transfers
    plain = registry.adapter(exchange, gateway=sandbox.url)
    if call is None or call.signed:
        with pytest.raises(PermanentError) as caught:
            run(plain.networks())
        assert caught.value.code == ("key_needed" if call else "not_supported")
    if call is None:
        return
    adapter = plain
    if call.signed:
        adapter = registry.signed_adapter(exchange, gateway=sandbox.url, key=Credentials(KEYS[exchange]))
    specs = run(unthrottled(adapter).networks()).value
    assert call.source.startswith("https://")
    assert len({(spec.currency, spec.network) for spec in specs}) == len(specs) > 20
    # The sandbox closes one way in eleven.
    assert {spec.deposit for spec in specs} >= {False}
    assert {spec.withdraw for spec in specs} >= {False}
    assert all(spec.withdraw_fee is None or spec.withdraw_fee >= 0 for spec in specs)


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
        ({"status": 429}, ThrottledError, "throttled"),
        ({"status": 418, "retry_after": 7}, ThrottledError, "throttled"),
        ({"status": 503, "body": "unavailable"}, TemporaryError, "unavailable"),
        ({"status": 500, "body": "<html>oops</html>"}, TemporaryError, "unavailable"),
        ({"garbage": True}, UnreadableAnswer, "bad_response"),
        ({"body": '[{"symbol": "BTCUSDT", "bid'}, UnreadableAnswer, "bad_response"),
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
        # Whoever names no time is left alone for half a minute, or two where it is a ban.
        assert caught.value.retry_after in ((7,) if "retry_after" in fault else (30, 120))
    if isinstance(caught.value, UnreadableAnswer):
        assert caught.value.raw[-1].status == 200
        with pytest.raises(UnreadableAnswer):
            run(adapter.reread(ask, caught.value.raw))
    sandbox.faults([])
    assert run(adapter.quotes(ask, markets_from=0)).value.symbols


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_clock_five_minutes_off_is_told_and_its_answers_are_refused(
    adapter: ExchangeAdapter, sandbox: Sandbox, seconds: int
) -> None:
    ask = first_kind(adapter)
    run(adapter.quotes(ask, markets_from=0))
    sandbox.faults([{"clock_s": seconds}])
    if adapter.able.quotes[ask].signed and seconds > 0:
        # By such a clock the signature has expired.
        with pytest.raises(PermanentError, match="refused the key"):
            run(adapter.quotes(ask, markets_from=0))
        return
    reply = run(adapter.quotes(ask, markets_from=0))
    rules = Rules(max_offset_ms=60_000, frozen_after_ms=30_000, max_age_ms=15_000)
    verdict = feed_judge(adapter.client.exchange, reply, Pulse(), rules)
    side = "ahead of" if seconds > 0 else "before"
    assert verdict.state is FeedState.CLOCK_OFF
    assert f"5 minutes {side} our clock" in verdict.reason


def test_silence_ends_with_the_deadline_and_the_client_lives_on(adapter: ExchangeAdapter, sandbox: Sandbox) -> None:
    ask = first_kind(adapter)
    run(adapter.quotes(ask, markets_from=0))
    sandbox.faults([{"latency_s": 30.0, "count": 1}])
    with pytest.raises(TemporaryError) as caught:
        run(adapter.quotes(ask, markets_from=0), timeout=0.2)
    assert caught.value.code == "timeout"
    sandbox.faults([])
    assert run(adapter.quotes(ask, markets_from=0)).value.symbols
