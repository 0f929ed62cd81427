"""Pairs of markets in different dollars: found at the live rate and never at parity, priced and recomputed alike."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.opportunities.alerts import alert_facts
from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.evidence import recompute
from apps.opportunities.models import Opportunity
from apps.opportunities.services import price
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from apps.opportunities.strategies.registry import strategies_all
from apps.opportunities.view import MarketView, market_view
from sandbox.market.world import World as SandboxWorld
from tests.opportunities.boards import shown
from tests.opportunities.conftest import Build
from tests.opportunities.factories import NAN, NOW_MS, PARAMS, Listing, found_legs, view_of

CROSS, FUNDING = CrossExchange(), FundingRate()
CHEAP = Listing("a", 99.9, 100.0)


def usdc(exchange: str = "a", bid: float = 0.8999, ask: float = 0.9001, fee: float = 0.001) -> Listing:
    return Listing(exchange, bid, ask, "USDC", fee=fee)


def in_usdc(exchange: str, bid: float, ask: float, **changes: object) -> Listing:
    return Listing(exchange, bid, ask, quote="USDC", **changes)  # type: ignore[arg-type]


def pairs(view: MarketView, strategy: CrossExchange | FundingRate = CROSS) -> list[tuple[str, str]]:
    return found_legs(view, strategy.scan(view, PARAMS).legs)


def test_with_usdc_at_ninety_cents_there_is_no_false_edge() -> None:
    # The same price: 100 USDT = 111.1 USDC. At parity that would be 11 %.
    assert pairs(view_of([CHEAP, in_usdc("b", 111.0, 111.1), usdc()])) == []
    # And 100 USDC, which at parity would be no gap at all, are only 90 USDT.
    view = view_of([CHEAP, in_usdc("b", 99.9, 100.0), usdc()])
    found = CROSS.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("b", "a")]
    # 100 USDC cost 100·0.9001 USDT to buy, with the fee of buying them: 99.9·0.999 / (100·1.001 · 0.9001·1.001) - 1.
    assert found.net[0] == pytest.approx(99.9 * 0.999 / (100 * 1.001 * 0.9001 * 1.001) - 1)
    assert found.gross[0] == pytest.approx(99.9 / (100 * 0.9001) - 1)


def test_what_is_earned_in_another_dollar_is_sold_at_its_bid_less_the_fee() -> None:
    view = view_of([CHEAP, in_usdc("b", 114.0, 114.1), usdc()])
    found = CROSS.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("a", "b")]
    assert found.net[0] == pytest.approx(114 * 0.999 * 0.8999 * 0.999 / (100 * 1.001) - 1)


def test_two_other_dollars_are_exchanged_through_usdt() -> None:
    usd = Listing("k", 0.999, 1.001, "USDT", quote="USD", fee=0.002)
    dear = Listing("k", 95.0, 95.1, quote="USD")
    view = view_of([in_usdc("b", 99.9, 100.0), dear, usdc(), usd])
    found = CROSS.scan(view, PARAMS)
    assert found_legs(view, found.legs) == [("b", "k")]
    rate, kept = (1 / 1.001) / 0.9001, 0.998 / 1.001
    assert found.net[0] == pytest.approx(95 * 0.999 * rate * kept / (100 * 1.001) - 1)


@pytest.mark.parametrize("rate", [[], [usdc(bid=NAN)], [usdc(fee=NAN)]])
def test_without_a_live_rate_no_pair_is_made_across_dollars_but_within_one(rate: list[Listing]) -> None:
    dear = in_usdc("b", 114.0, 114.1)
    assert pairs(view_of([CHEAP, dear, *rate])) == []
    assert pairs(view_of([in_usdc("c", 112.0, 112.1), dear, *rate])) == [("c", "b")]


def test_other_currencies_are_never_taken_for_dollars() -> None:
    euro = Listing("e", 0.9, 0.91, "EUR")
    assert pairs(view_of([CHEAP, replace(CHEAP, exchange="b", quote="EUR", bid=120, ask=121), euro])) == []


def test_a_broken_peg_is_a_cost_of_a_funding_pair() -> None:
    low = Listing("a", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0001)
    high = in_usdc("b", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0041)
    found = FUNDING.scan(view_of([low, high, usdc(bid=0.9999, ask=1.0001)]), PARAMS)
    assert found.net.tolist() == [pytest.approx(3 * 0.004 - 0.002 - 0.0004 + (0.9999 - 1))]
    # 100 USDC are 90 USDT: sold 10 % too cheap.
    assert pairs(view_of([low, high, usdc()]), FUNDING) == []
    fair = replace(high, bid=111.09, ask=111.12)
    assert pairs(view_of([low, fair, usdc()]), FUNDING) == [("a", "b")]
    assert pairs(view_of([low, fair]), FUNDING) == []


quotes_of_btc = st.builds(
    lambda exchange, quote, price, fee: Listing(exchange, price * 0.9999, price * 1.0001, quote=quote, fee=fee),
    st.sampled_from("abcdefghij"),
    st.sampled_from(["USDT", "USDC", "USD", "FDUSD", "EUR"]),
    st.floats(97, 103),
    st.sampled_from([0.0, 0.0004, 0.001]),
)


@given(st.lists(quotes_of_btc, max_size=40, unique_by=lambda one: (one.exchange, one.quote)), st.floats(0.97, 1.03))
@settings(max_examples=150, deadline=None)
def test_the_scan_finds_what_a_plain_loop_finds(listings: list[Listing], peg: float) -> None:
    told = [usdc("x", peg, peg * 1.0002), Listing("x", 0.999, 1.001, "USDT", quote="USD", fee=0.002)]
    bids = {"USDT": 1.0, "USDC": peg, "USD": 1 / 1.001}
    asks = {"USDT": 1.0, "USDC": peg * 1.0002, "USD": 1 / 0.999}
    fees = {"USDT": 0.0, "USDC": 0.001, "USD": 0.002}
    wanted = {}
    for buy in listings:
        for sell in listings:
            if buy.exchange == sell.exchange:
                continue
            proceeds = sell.bid * (1 - sell.fee)
            if buy.quote != sell.quote:
                if not {buy.quote, sell.quote} <= bids.keys():
                    continue
                proceeds *= bids[sell.quote] / asks[buy.quote] * (1 - fees[sell.quote]) / (1 + fees[buy.quote])
            net = proceeds / (buy.ask * (1 + buy.fee)) - 1
            if net > PARAMS.min_net_edge:
                wanted[(buy.exchange, buy.quote), (sell.exchange, sell.quote)] = net
    view = view_of([*listings, *told])
    found = CROSS.scan(view, PARAMS)
    names = [
        (view.table.exchange[exchange], view.table.quotes[quote])
        for exchange, quote in zip(view.layout.exchange_code.tolist(), view.layout.quote_code.tolist(), strict=True)
    ]
    got = {
        (names[buy], names[sell]): net for (buy, sell), net in zip(found.legs.tolist(), found.net.tolist(), strict=True)
    }
    for key in got.keys() ^ wanted.keys():
        assert abs({**got, **wanted}[key] - PARAMS.min_net_edge) < 1e-12
    for key in got.keys() & wanted.keys():
        assert got[key] == pytest.approx(wanted[key], rel=1e-9, abs=1e-12)


# --- the whole walk ---------------------------------------------------------------------------------------------------


def test_a_pair_across_dollars_is_priced_and_its_edge_follows_from_the_evidence(build: Build) -> None:
    world = build(CHEAP, in_usdc("b", 114.0, 114.1), usdc())
    row = world.activate()
    # 1,000 USDT at 100 = 10 units, sold at 114·0.8999 = 102.5886 USDT.
    net = Decimal("102.5886") * Decimal("0.999") * Decimal("0.999") / Decimal("100.1") - 1
    assert 0 <= net - row.net_edge < Decimal("1e-8")
    assert (row.quote, row.size) == ("USDT", 1000)
    assert 0 <= net * Decimal("1001") - row.profit < Decimal("1e-5")
    assert recompute(row.evidence) == row.net_edge
    assert row.evidence["legs"][0]["exchanged"] is None
    assert row.evidence["legs"][1]["exchanged"] == {
        "of": "USDC",
        "into": "USDT",
        "rate": "0.8999",
        "kept": "0.999",
        "exchanges": ["a"],
        "exchange_ts": row.evidence["legs"][1]["exchanged"]["exchange_ts"],
    }
    assert [leg["price"] for leg in row.legs] == ["100", "114"]
    words = [leg["words"] for leg in alert_facts(row, now=world.now)["legs"]]
    assert words == ["buy 10 BTC on a at 100.00", "sell 10 BTC on b at 114.00 USDC"]


def test_a_rate_that_turns_closes_it(build: Build) -> None:
    world = build(CHEAP, in_usdc("b", 114.0, 114.1), usdc())
    world.activate()
    world.pass_time(5)
    world.change(2, bid=0.87, ask=0.8702)
    world.quote()
    world.price()
    assert Opportunity.objects.get().status == OpportunityStatus.CLOSED


def test_without_a_rate_any_more_a_row_waits(build: Build) -> None:
    world = build(CHEAP, in_usdc("b", 114.0, 114.1), usdc())
    world.detect()
    world.change(2, bid=NAN)
    world.quote()
    world.fill_books()
    assert price(market_ids=None, now=world.now).undecided == 1
    assert Opportunity.objects.get().reason == Reason.MISSING_CONVERSION


# --- the sandbox's market, in which USDC is 0.9962 and USD 1.0011 USDT --------------------------------------------


@pytest.mark.parametrize("at", [1_795_348_800.0, 1_795_348_800.0 + 3 * 3600 + 1234.5])
def test_nothing_but_the_scenario_is_found_among_sixteen_exchanges_and_three_dollars(at: float) -> None:
    world = SandboxWorld(7)
    table, latest = shown(world, at)
    view = market_view(table, latest, now_ms=NOW_MS, max_age_ms=15_000, max_funding_age_ms=120_000)
    assert {"USD", "USDC", "USDT"} <= set(view.table.quotes)
    found = set()
    for strategy in strategies_all():
        candidates = strategy.scan(view, PARAMS)
        for number in range(len(candidates)):
            legs = (leg_of(view, row, side) for row, side in candidates.at(number))
            found.add((strategy.kind.value, *legs))
    scenario = world.scenario.describe()
    expected = {keyed(one) for one in scenario["expected"]}
    # Only books show that a market is thin; that is the next step's business.
    thin = {one["instrument"] for one in scenario["decoys"] if one["why"] == "thin book"}
    assert expected <= found
    assert all(thin & {symbol.split("/")[0] for _, symbol, _ in one[1:]} for one in found - expected)


def leg_of(view: MarketView, row: int, side: int) -> tuple[str, str, str]:
    exchange = view.table.exchange[view.layout.exchange_code[row]]
    return exchange, view.table.symbol[view.layout.row[row]], "buy" if side > 0 else "sell"


def keyed(entry: dict[str, Any]) -> tuple[Any, ...]:
    return (entry["kind"], *((leg["exchange"], leg["symbol"], leg["side"]) for leg in entry["legs"]))
