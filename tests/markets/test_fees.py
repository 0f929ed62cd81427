"""Which fee counts: the most specific rule of an operator, else the exchange's word, else none."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from apps.markets import selectors, services
from apps.markets.enums import FeeSource, MarketType
from apps.markets.fees import FeeBook, Scope, Terms
from apps.markets.models import Exchange, FeeRule, Market
from apps.markets.types import Fee
from tests.markets.wire import Wire

TOLD = Fee(Decimal("0.001"), Decimal("0.0008"), FeeSource.TOLD)
MARKET, TYPE, EXCHANGE = {"market_id": 7}, {"type": "spot"}, {}
# From the least to the most specific one.
SCOPES = [(about, tier) for about in (EXCHANGE, TYPE, MARKET) for tier in ("", "VIP1")]


def book(*scopes: tuple[dict[str, Any], str]) -> FeeBook:
    """A rule for each scope, whose fee is a thousandth of its place in SCOPES."""
    return FeeBook.of(
        (Scope("okx", **about, tier=tier), Terms(Decimal(SCOPES.index((about, tier))) / 1000 + 1))
        for about, tier in scopes
    )


def fee(rules: FeeBook, **changes: Any) -> Fee:
    about: dict[str, Any] = {"exchange": "okx", "market_id": 7, "type": "spot", "told": TOLD, "tier": "VIP1"}
    return rules.fee(**(about | changes))


@pytest.mark.parametrize("most", range(len(SCOPES)))
def test_the_most_specific_rule_counts(most: int) -> None:
    assert fee(book(*SCOPES[: most + 1])).taker == Decimal(most) / 1000 + 1


@pytest.mark.parametrize(("about", "source"), [(MARKET, "market"), (TYPE, "type"), (EXCHANGE, "exchange")])
def test_a_rule_for_everybody_counts_for_a_tier_too_and_not_the_other_way_round(
    about: dict[str, Any], source: str
) -> None:
    assert fee(book((about, ""))).source == source
    assert fee(book((about, "VIP1"))).source == source
    assert fee(book((about, "VIP1")), tier="") == TOLD
    assert fee(book((about, "VIP1")), tier="VIP2") == TOLD


def test_rules_about_others_dont_count() -> None:
    assert fee(book(*SCOPES), exchange="bybit") == TOLD
    assert fee(book((MARKET, "")), market_id=8) == TOLD
    assert fee(book((TYPE, "")), type="swap") == TOLD


def test_a_rule_counts_as_a_whole_and_free_is_said_aloud() -> None:
    def under(terms: Terms) -> Fee:
        return fee(FeeBook.of([(Scope("okx"), terms)]))

    assert under(Terms(free=True)) == Fee(Decimal(0), Decimal(0), FeeSource.EXCHANGE)
    assert under(Terms()) == Fee(None, None, FeeSource.EXCHANGE)
    # Who doubts the taker fee does not vouch for the maker's.
    assert under(Terms(maker=Decimal("0.0001"))) == Fee(None, None, FeeSource.EXCHANGE)
    assert under(Terms(Decimal("0.0002"))) == Fee(Decimal("0.0002"), None, FeeSource.EXCHANGE)


@pytest.fixture
def rows(db: None, redis_state: None, binance: Wire) -> list[Market]:
    """Binance's BTC, ETH and SOL, told to cost 0.1 %."""
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    return list(Market.objects.order_by("id"))


def rule(**values: Any) -> FeeRule:
    return services.fee_rule_save(rule=FeeRule(exchange_id="binance", **values))


def version() -> int:
    return Exchange.objects.get(id="binance").market_version


def test_rules_reach_the_table_the_facts_and_the_selector_at_once(rows: list[Market]) -> None:
    btc, eth, sol = rows
    assert selectors.market_table().taker_fee.tolist() == [0.001] * 3
    before = version()
    rule(market=btc, taker=Decimal("0.0002"), maker=Decimal("-0.0001"))
    rule(market=eth)
    assert version() == before + 2
    fees = selectors.market_table().taker_fee
    assert fees[0] == pytest.approx(0.0002)
    assert fees[1] != fees[1]
    assert fees[2] == pytest.approx(0.001)
    facts = selectors.market_get([btc.id, eth.id, sol.id, 99999])
    told = Decimal("0.001")
    assert [facts[market.id].taker_fee for market in rows] == [Decimal("0.0002"), None, told]
    assert [facts[market.id].maker_fee for market in rows] == [Decimal("-0.0001"), None, told]
    assert selectors.fee_of(btc.id) == Fee(Decimal("0.0002"), Decimal("-0.0001"), FeeSource.MARKET)
    assert selectors.fee_of(sol.id) == Fee(told, told, FeeSource.TOLD)
    with pytest.raises(Market.DoesNotExist):
        selectors.fee_of(99999)


def test_a_tier_has_its_own_fees_and_the_table_is_for_everybody(rows: list[Market]) -> None:
    rule(market_type=MarketType.SPOT, tier="VIP1", taker=Decimal("0.0009"))
    rule(market=rows[0], tier="VIP1", fee_free=True)
    assert [selectors.fee_of(market.id, "VIP1").taker for market in rows] == [0, Decimal("0.0009"), Decimal("0.0009")]
    assert [selectors.fee_of(market.id).taker for market in rows] == [Decimal("0.001")] * 3
    assert selectors.market_table().taker_fee.tolist() == [0.001] * 3


def test_a_rule_that_changes_or_goes_counts_no_more_at_once(rows: list[Market], settings: Settings) -> None:
    made = rule(taker=Decimal("0.0005"))
    assert selectors.market_table().taker_fee.tolist() == [0.0005] * 3
    made.fee_free, made.taker = True, None
    services.fee_rule_save(rule=made)
    assert selectors.market_table().taker_fee.tolist() == [0.0] * 3
    before = version()
    services.fee_rules_delete(rules=FeeRule.objects.all())
    assert version() == before + 1
    assert selectors.market_table().taker_fee.tolist() == [0.001] * 3


def test_a_sync_leaves_the_operators_word_alone(rows: list[Market]) -> None:
    rule(market=rows[0], taker=Decimal("0.0002"))
    services.exchange_sync_markets(exchange="binance")
    assert selectors.fee_of(rows[0].id).taker == Decimal("0.0002")
    assert Market.objects.get(id=rows[0].id).taker_fee == Decimal("0.001")


@pytest.mark.parametrize(
    "wrong",
    [
        {"taker": Decimal("-0.1")},
        {"taker": Decimal(1)},
        # Free has to be said, a zero may be a slip.
        {"taker": Decimal(0)},
        {"maker": Decimal(-1), "taker": Decimal("0.001")},
        {"fee_free": True, "taker": Decimal("0.001")},
        {"market_type": "option", "taker": Decimal("0.001")},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rows: list[Market], wrong: dict[str, Any]) -> None:
    before = version()
    with pytest.raises(ValidationError):
        rule(**wrong)
    assert (version(), FeeRule.objects.count()) == (before, 0)


def test_a_rule_is_about_one_thing_once(rows: list[Market]) -> None:
    Exchange.objects.create(id="okx", name="okx")
    rule(market=rows[0], taker=Decimal("0.001"))
    rule(taker=Decimal("0.001"))
    for wrong in (
        {"market": rows[0], "market_type": MarketType.SPOT},
        {"market": rows[0]},
        {},
        {"exchange_id": "okx", "market": rows[1]},
    ):
        with pytest.raises(ValidationError):
            services.fee_rule_save(rule=FeeRule(**({"exchange_id": "binance", "taker": Decimal("0.002")} | wrong)))
    assert FeeRule.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_fees_that_operators_had_set_become_rules_and_come_back() -> None:
    executor = MigrationExecutor(connection)
    leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "markets"]
    executor.migrate([("markets", "0002_depth")])
    try:
        old = executor.loader.project_state([("markets", "0002_depth")]).apps
        Old, OldExchange = old.get_model("markets", "Market"), old.get_model("markets", "Exchange")  # noqa: N806
        OldExchange.objects.create(id="okx", name="okx")
        values = [
            (None, False),
            (Decimal("0.0002"), False),
            (Decimal(0), False),
            (Decimal("0.0002"), True),
            (None, True),
        ]
        for number, (override, unknown) in enumerate(values):
            Old.objects.create(
                exchange_id="okx", symbol=f"S{number}", type="spot", base="S", quote="USDT", instrument="S",
                taker_fee=Decimal("0.001"), taker_fee_override=override, fee_unknown=unknown,
            )  # fmt: skip
        executor = MigrationExecutor(connection)
        executor.migrate([("markets", "0003_fees")])
        new = executor.loader.project_state([("markets", "0003_fees")]).apps
        rules = new.get_model("markets", "FeeRule").objects.order_by("market__symbol")
        assert list(rules.values_list("market__symbol", "taker", "fee_free")) == [
            ("S1", Decimal("0.0002"), False), ("S2", None, True), ("S3", None, False), ("S4", None, False),
        ]  # fmt: skip
        executor = MigrationExecutor(connection)
        executor.migrate([("markets", "0002_depth")])
        back = Old.objects.order_by("symbol").values_list("taker_fee_override", "fee_unknown")
        assert list(back) == [
            (None, False),
            (Decimal("0.0002"), False),
            (Decimal(0), False),
            (None, True),
            (None, True),
        ]
    finally:
        MigrationExecutor(connection).migrate(leaves)
