"""Deposits and withdrawals: read per network, kept with their state, and put together to routes between exchanges."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from pytest_django import Settings

from apps.core import clock
from apps.core.exceptions import PermanentError, TemporaryError
from apps.markets import selectors, services
from apps.markets.enums import Gate, MarketType
from apps.markets.exchanges.transfers import EVERY_NETWORK, currency_specs, network_specs
from apps.markets.models import CurrencyNetwork, Exchange, Market
from apps.markets.transfers import Way, route_choose
from sandbox.exchanges.keys import KEYS
from sandbox.market.networks import networks_of
from sandbox.market.world import World
from tests.sandbox_process import Sandbox

OPEN, CLOSED, UNKNOWN = Gate.OPEN, Gate.CLOSED, Gate.UNKNOWN


def way(network: str, gate: Gate, fee: str | None = None) -> Way:
    return Way(network, gate, None if fee is None else Decimal(fee))


@pytest.mark.parametrize(
    ("out", "into", "state", "network"),
    [
        ([way("ERC20", OPEN)], [way("ERC20", OPEN)], OPEN, "ERC20"),
        ([way("ERC20", OPEN, "3"), way("TRC20", OPEN, "1")], [way("ERC20", OPEN), way("TRC20", OPEN)], OPEN, "TRC20"),
        ([way("ERC20", OPEN), way("TRC20", OPEN, "1")], [way("ERC20", OPEN), way("TRC20", OPEN)], OPEN, "TRC20"),
        ([way("ERC20", OPEN, "3"), way("TRC20", OPEN, "1")], [way("ERC20", OPEN), way("TRC20", CLOSED)], OPEN, "ERC20"),
        # Each end has something open, but never the same network: a flag per currency would call this open.
        ([way("ERC20", OPEN), way("TRC20", CLOSED)], [way("ERC20", CLOSED), way("TRC20", OPEN)], CLOSED, ""),
        ([way("ERC20", CLOSED)], [way("ERC20", OPEN)], CLOSED, ""),
        ([way("ERC20", OPEN)], [way("ETH", CLOSED)], CLOSED, ""),
        ([way("ERC20", OPEN)], [way("ERC20", UNKNOWN)], UNKNOWN, ""),
        ([way("ERC20", UNKNOWN)], [way("ERC20", CLOSED), way("TRC20", OPEN)], CLOSED, ""),
        # The same chain may go by another name there.
        ([way("ERC20", OPEN)], [way("ETHEREUM", OPEN)], UNKNOWN, ""),
        ([way("ERC20", OPEN)], [way("ERC20", CLOSED), way("ETHEREUM", OPEN)], CLOSED, ""),
        ([way(EVERY_NETWORK, CLOSED)], [way("ERC20", OPEN)], CLOSED, ""),
        ([way(EVERY_NETWORK, UNKNOWN)], [way("ERC20", OPEN)], UNKNOWN, ""),
        ([way("ERC20", OPEN)], [way(EVERY_NETWORK, UNKNOWN)], UNKNOWN, ""),
        ([way(EVERY_NETWORK, UNKNOWN)], [way(EVERY_NETWORK, UNKNOWN)], UNKNOWN, ""),
        ([], [way("ERC20", OPEN)], UNKNOWN, ""),
        ([way("ERC20", OPEN)], [], UNKNOWN, ""),
    ],
)
def test_a_route_is_open_on_a_common_open_network_only(
    out: list[Way], into: list[Way], state: Gate, network: str
) -> None:
    choice = route_choose(out, into)
    assert choice.state is state
    assert (choice.way.network if choice.way else "") == network
    assert bool(choice.reason) is (state is not OPEN)


def test_a_networks_own_flag_counts_and_what_is_not_told_stays_unknown() -> None:
    specs = network_specs(
        {
            # ccxt calls a currency open where any of its networks is.
            "ABC": {
                "deposit": True,
                "withdraw": True,
                "networks": {
                    "ERC20": {"deposit": False, "withdraw": True, "fee": 0.5, "limits": {"withdraw": {"min": 1.0}}},
                    "TRC20": {"deposit": None, "withdraw": "yes", "fee": "nonsense", "limits": None},
                    "SOL": None,
                },
            },
            "XYZ": {"deposit": True, "withdraw": True, "networks": {}},
        }
    )
    told = {(spec.currency, spec.network): (spec.deposit, spec.withdraw, spec.withdraw_fee) for spec in specs}
    assert told == {
        ("ABC", "ERC20"): (False, True, Decimal("0.5")),
        ("ABC", "TRC20"): (None, None, None),
        ("ABC", "SOL"): (None, None, None),
    }


def test_ccxts_guess_at_a_field_that_is_missing_is_not_the_exchanges_word() -> None:
    network = {"deposit": True, "withdraw": False, "info": {"deposit_disabled": False}}
    currencies = {"ABC": {"networks": {"ERC20": network}}}
    (spec,) = network_specs(currencies, fields=("deposit_disabled", "withdraw_disabled"))
    assert (spec.deposit, spec.withdraw) == (True, None)
    (spec,) = network_specs(currencies)
    assert (spec.deposit, spec.withdraw) == (True, False)


def test_a_state_of_all_networks_together_closes_but_opens_nothing() -> None:
    specs = currency_specs([("ABC", True, False), ("DEF", None, None)])
    assert [(spec.currency, spec.deposit, spec.withdraw) for spec in specs] == [
        ("ABC", None, False),
        ("DEF", None, None),
    ]


@pytest.fixture
def exchanges(settings: Settings, sandbox: Sandbox, redis_state: None) -> Iterator[Sandbox]:
    """Binance and its key, Gate, Kraken and Coinbase behind the sandbox."""
    settings.SANDBOX_URL = sandbox.url
    settings.EXCHANGES = ["binance", "gate", "kraken", "coinbase"]
    settings.EXCHANGE_KEYS = dict(KEYS)
    services.exchanges_setup()
    yield sandbox


def route(instrument: str, out: str, into: str) -> Gate:
    return selectors.transfer_between(instrument=instrument, from_exchange=out, to_exchange=into).state


@pytest.mark.django_db
def test_networks_are_read_written_and_only_changes_written_again(exchanges: Sandbox) -> None:
    for name in ("binance", "gate", "kraken"):
        report = services.transfers_sync(exchange=name)
        assert report is not None
        assert report.created == report.networks > 20
    world = World(7)
    assets = {asset.name: asset for asset in world.assets}
    for name in ("ETH", "BTC", "SOL", "DASH"):
        told = {row.network: row for row in CurrencyNetwork.objects.filter(exchange="binance", currency=name)}
        networks = networks_of("binance", assets[name])
        assert len(told) == len(networks) > 0
        for network in networks:
            # A coin's own chain goes by the coin's name, and not by that of its tokens.
            row = told.get(network.chain) or told[name]
            assert (row.deposit, row.withdraw) == (_gate(network.deposit), _gate(network.withdraw))
            assert row.withdraw_fee == pytest.approx(Decimal(str(network.fee)))
    before = dict(CurrencyNetwork.objects.values_list("id", "changed_at"))
    again = services.transfers_sync(exchange="gate")
    assert again is not None
    assert (again.created, again.changed, again.deleted) == (0, 0, 0)
    wrong = CurrencyNetwork.objects.filter(exchange="gate", withdraw=OPEN)[0].id
    CurrencyNetwork.objects.filter(id=wrong).update(withdraw=CLOSED)
    CurrencyNetwork.objects.create(exchange_id="gate", currency="GONE", network="ERC20")
    mended = services.transfers_sync(exchange="gate")
    assert mended is not None
    assert (mended.created, mended.changed, mended.deleted) == (0, 1, 1)
    after = dict(CurrencyNetwork.objects.values_list("id", "changed_at"))
    assert {key for key in after if after[key] != before[key]} == {wrong}


def _gate(is_open: bool) -> Gate:
    return OPEN if is_open else CLOSED


@pytest.mark.django_db
def test_a_route_says_what_it_takes_or_why_nobody_knows(exchanges: Sandbox) -> None:
    before = selectors.transfer_between(instrument="BTC", from_exchange="binance", to_exchange="gate")
    assert (before.state, before.checked_at) == (UNKNOWN, None)
    assert before.reason == "binance has not told its networks yet"
    for name in ("binance", "gate", "kraken"):
        services.transfers_sync(exchange=name)
    CurrencyNetwork.objects.filter(currency="BTC").exclude(exchange="kraken").update(deposit=OPEN, withdraw=OPEN)
    found = selectors.transfer_between(instrument="BTC", from_exchange="binance", to_exchange="gate")
    assert (found.state, found.reason, found.network) == (OPEN, "", "BTC")
    assert found.withdraw_fee is not None
    assert found.withdraw_fee > 0
    assert found.checked_at is not None
    CurrencyNetwork.objects.filter(currency="BTC", exchange="gate").update(deposit=CLOSED)
    assert route("BTC", "binance", "gate") is CLOSED
    assert route("BTC", "gate", "binance") is OPEN
    coinbase = selectors.transfer_between(instrument="BTC", from_exchange="binance", to_exchange="coinbase")
    assert (coinbase.state, coinbase.reason) == (
        UNKNOWN,
        "coinbase does not tell which deposits and withdrawals are open",
    )
    assert route("BTC", "binance", "nowhere") is UNKNOWN
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=True):
        old = selectors.transfer_between(instrument="BTC", from_exchange="gate", to_exchange="binance")
        assert old.state is UNKNOWN
        assert "has not told its networks since" in old.reason


@pytest.mark.django_db
def test_an_asset_is_looked_up_by_what_each_exchange_calls_it(exchanges: Sandbox) -> None:
    for name in ("binance", "gate"):
        services.transfers_sync(exchange=name)
    for name, base, multiplier in (("binance", "1000SATS", 1000), ("gate", "SATS", 1)):
        Market.objects.create(
            exchange_id=name, symbol=f"{base}/USDT", type=MarketType.SPOT, base=base, quote="USDT",
            instrument="SATS", multiplier=multiplier,
        )  # fmt: skip
        CurrencyNetwork.objects.create(
            exchange_id=name, currency=base, network="BRC20", deposit=OPEN, withdraw=OPEN, withdraw_fee=Decimal(5)
        )
    assert route("SATS", "binance", "gate") is OPEN


@pytest.mark.django_db
def test_kraken_says_no_for_a_whole_asset_and_yes_for_none(exchanges: Sandbox) -> None:
    services.transfers_sync(exchange="kraken")
    rows = CurrencyNetwork.objects.filter(exchange="kraken")
    assert set(rows.values_list("network", flat=True)) == {EVERY_NETWORK}
    assert not rows.filter(deposit=OPEN).exists()
    assert rows.filter(deposit=CLOSED).exists() or rows.filter(withdraw=CLOSED).exists()
    assert {"BTC", "DOGE", "USDT"} <= set(rows.values_list("currency", flat=True))


@pytest.mark.django_db
def test_trouble_keeps_what_was_known(exchanges: Sandbox) -> None:
    services.transfers_sync(exchange="gate")
    count = CurrencyNetwork.objects.count()
    exchanges.faults([{"body": []}])
    with pytest.raises(TemporaryError):
        services.transfers_sync(exchange="gate")
    exchanges.faults([{"garbage": True}])
    with pytest.raises(TemporaryError):
        services.transfers_sync(exchange="gate")
    assert CurrencyNetwork.objects.count() == count


@pytest.mark.django_db
def test_an_exchange_that_tells_nobody_is_not_asked(exchanges: Sandbox) -> None:
    with pytest.raises(PermanentError) as caught:
        services.transfers_sync(exchange="coinbase")
    assert caught.value.code == "not_supported"
    assert Exchange.objects.get(id="coinbase").transfers_checked_at is None


def test_many_routes_take_as_few_queries_as_one(
    db: None, settings: Settings, django_assert_num_queries: object
) -> None:
    now = clock.now()
    Exchange.objects.bulk_create(
        Exchange(id=name, name=name, transfers_checked_at=now) for name in ("gate", "kucoin", "htx")
    )
    for name in ("gate", "kucoin", "htx"):
        CurrencyNetwork.objects.create(
            exchange_id=name, currency="1000PEPE" if name == "gate" else "PEPE", network="ERC20",
            deposit=OPEN, withdraw=CLOSED if name == "htx" else OPEN, withdraw_fee=Decimal(3),
        )  # fmt: skip
    Market.objects.create(
        exchange_id="gate", symbol="1000PEPE/USDT", type=MarketType.SPOT, base="1000PEPE", quote="USDT",
        instrument="PEPE", multiplier=1000,
    )  # fmt: skip
    wanted = [("PEPE", "gate", "kucoin"), ("PEPE", "kucoin", "gate"), ("PEPE", "htx", "gate"), ("BTC", "gate", "htx")]
    with django_assert_num_queries(3):  # type: ignore[operator]
        found = selectors.transfers_between(wanted)
    assert [found[one].state for one in wanted] == [OPEN, OPEN, CLOSED, UNKNOWN]
    # A pack of a thousand costs its fee in packs.
    assert [(found[one].withdraw_fee, found[one].unit) for one in wanted[:2]] == [(3, 1000), (3, 1)]
    for one in wanted:
        single = selectors.transfer_between(instrument=one[0], from_exchange=one[1], to_exchange=one[2])
        assert single == found[one]
