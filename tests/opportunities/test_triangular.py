"""Cycles: found once wherever they begin, priced by walking all books in step, exact to the last digit.

Every expected figure was worked out by hand (the working stands beside it)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.opportunities.alerts import alert_facts
from apps.opportunities.enums import OpportunityStatus, Reason, Side
from apps.opportunities.evidence import evidence_of, recompute
from apps.opportunities.legs import Leg
from apps.opportunities.models import Markout, Opportunity
from apps.opportunities.pricing import Priced, Refusal, edge_at, price_legs
from apps.opportunities.services import markouts_measure
from apps.opportunities.strategies.triangular import Triangular
from apps.opportunities.view import MarketView
from tests.opportunities.conftest import Build
from tests.opportunities.factories import NAN, NOW_MS, PARAMS, Listing, cycle, levels, terms, view_of

CYCLES = Triangular()
BTC = Listing("a", 49990.0, 50000.0)
ETH_BTC = Listing("a", 0.0399, 0.04, "ETH", "BTC")
ETH = Listing("a", 2020.0, 2021.0, "ETH")
TRIANGLE = [BTC, ETH_BTC, ETH]

Trades = tuple[tuple[str, str], ...]


def trades_found(view: MarketView, params: Any = PARAMS) -> dict[tuple[str, Trades], float]:
    """(exchange, (symbol, side)…) -> net edge."""
    found = CYCLES.scan(view, params)
    out = {}
    for at in range(len(found)):
        legs = found.at(at)
        names = tuple((view.table.symbol[view.layout.row[row]], "buy" if side > 0 else "sell") for row, side in legs)
        (exchange,) = {view.table.exchange[view.layout.exchange_code[row]] for row, _ in legs}
        assert (exchange, names) not in out
        out[exchange, names] = float(found.net[at])
    return out


# --- the scan ---------------------------------------------------------------------------------------------------------


def test_the_known_triangle_is_found_once_with_its_edges() -> None:
    view = view_of(TRIANGLE)
    found = CYCLES.scan(view, PARAMS)
    assert trades_found(view).keys() == {("a", (("BTC/USDT", "buy"), ("ETH/BTC", "buy"), ("ETH/USDT", "sell")))}
    # 1 / 50,000 / 0.04 · 2,020 = 1.01.
    assert found.gross.tolist() == [pytest.approx(0.01)]
    assert found.net.tolist() == [pytest.approx(1.01 * 0.999**3 - 1)]
    assert [view.table.quotes[code] for code in found.quote_code] == ["USDT"]
    # BTC: 10·50,000. ETH for BTC: 10·0.04 = 0.4 BTC, fed by 50,000·0.4/0.999. ETH: 10, fed by 10·0.04·50,000/0.999².
    assert found.notional.tolist() == [pytest.approx(20_000 / 0.999)]
    # Three trades in a table of four.
    assert found.legs[:, 3].tolist() == [-1]
    assert found.sides.tolist() == [[1, 1, -1, 0]]


def test_the_other_way_round_is_another_cycle() -> None:
    # USDT -> ETH -> BTC -> USDT: 1/2,021 · 0.042 · 49,990 = 1.03889…
    view = view_of([BTC, replace(ETH_BTC, bid=0.042, ask=0.0421), ETH])
    assert trades_found(view) == {
        ("a", (("ETH/USDT", "buy"), ("ETH/BTC", "sell"), ("BTC/USDT", "sell"))): pytest.approx(
            0.042 * 49990 / 2021 * 0.999**3 - 1
        )
    }


def test_four_trades_where_no_three_earn() -> None:
    # USDT -> BTC -> SOL -> ETH -> USDT; there is no ETH/BTC. 1/50,000 · 1/0.003 · 0.0772 · 2,020 …
    sol = [Listing("a", 0.00299, 0.003, "SOL", "BTC"), Listing("a", 0.0772, 0.0773, "SOL", "ETH")]
    net = 0.0772 * 2020 / 50000 / 0.003 * 0.999**4 - 1
    assert net > 0.03
    view = view_of([BTC, ETH, *sol])
    assert trades_found(view) == {
        ("a", (("BTC/USDT", "buy"), ("SOL/BTC", "buy"), ("SOL/ETH", "sell"), ("ETH/USDT", "sell"))): pytest.approx(net)
    }
    assert CYCLES.scan(view, PARAMS).sides.tolist() == [[1, 1, -1, -1]]


def test_a_dollar_is_where_a_cycle_starts_even_as_a_base() -> None:
    # TRY -> USDT is a sale of USDT/TRY backwards: USDT is listed as the base here.
    lira = [Listing("a", 40.0, 40.01, "USDT", "TRY"), Listing("a", 2_040_000.0, 2_040_100.0, "BTC", "TRY")]
    found = trades_found(view_of([BTC, *lira]))
    # USDT -> BTC -> TRY -> USDT: 1/50,000 · 2,040,000 / 40.01.
    assert found == {
        ("a", (("BTC/USDT", "buy"), ("BTC/TRY", "sell"), ("USDT/TRY", "buy"))): pytest.approx(
            2_040_000 / 50_000 / 40.01 * 0.999**3 - 1
        )
    }
    lira[0] = replace(lira[0], bid=41.9, ask=42.0)
    (trades,) = [trades for _, trades in trades_found(view_of([BTC, *lira]))]
    assert trades == (("USDT/TRY", "sell"), ("BTC/TRY", "buy"), ("BTC/USDT", "sell"))


def test_one_dollar_is_never_another_in_a_cycle() -> None:
    # BTC costs 50,000 USDT and brings 51,000 USDC: no cycle without a market of the two dollars.
    dear = Listing("a", 51_000.0, 51_010.0, "BTC", "USDC")
    assert trades_found(view_of([BTC, dear])) == {}
    told = Listing("a", 0.9799, 0.98, "USDC")
    assert trades_found(view_of([BTC, dear, told])) == {}
    par = Listing("a", 0.9999, 1.0, "USDC")
    assert len(trades_found(view_of([BTC, dear, par]))) == 1


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(
    "decoy", [{"fee": NAN}, {"fee": 0.01}, {"bid": NAN}, {"ts": NOW_MS - 5201}, {"exchange": "b"}, {"swap": True}]
)
def test_decoys_of_a_triangle_are_not_found(at: int, decoy: dict[str, Any]) -> None:
    listings = [replace(one, **decoy) if index == at else one for index, one in enumerate(TRIANGLE)]
    assert trades_found(view_of(listings)) == {}


def test_a_listing_of_thousands_is_a_currency_of_its_own() -> None:
    # 1000ETH can't be sold where ETH is bought, whatever else they have in common.
    thousands = replace(ETH, multiplier=1000, bid=2_020_000, ask=2_021_000)
    assert trades_found(view_of([BTC, ETH_BTC, thousands])) == {}
    both = [replace(one, multiplier=1000, bid=one.bid * 1000, ask=one.ask * 1000) for one in (ETH_BTC, ETH)]
    (net,) = trades_found(view_of([BTC, *both])).values()
    assert net == pytest.approx(1.01 * 0.999**3 - 1)


def test_rates_that_lead_too_far_round_are_not_believed() -> None:
    assert trades_found(view_of([BTC, ETH_BTC, replace(ETH, bid=2420, ask=2421)])) == {}


def test_unknown_sizes_leave_the_notional_unknown() -> None:
    found = CYCLES.scan(view_of([BTC, replace(ETH_BTC, ask_size=NAN), ETH]), PARAMS)
    assert np.isnan(found.notional[0])


NAMES = ("USDT", "BTC", "ETH", "SOL", "XRP")
WORTH = {"USDT": 1.0, "BTC": 50_000.0, "ETH": 2_000.0, "SOL": 150.0, "XRP": 0.6}
markets = st.builds(
    lambda exchange, pair, off, half, fee, skew: Listing(
        exchange,
        bid=WORTH[pair[0]] / WORTH[pair[1]] * (1 + off) * (1 - half),
        ask=WORTH[pair[0]] / WORTH[pair[1]] * (1 + off) * (1 + half),
        instrument=pair[0],
        quote=pair[1],
        fee=fee,
        ts=NOW_MS - skew,
    ),
    st.sampled_from("ab"),
    st.sampled_from([(base, quote) for base in NAMES for quote in NAMES if base != quote]),
    st.floats(-0.02, 0.02),
    st.floats(0, 0.001),
    st.sampled_from([0.0, 0.0004, 0.001, NAN]),
    st.integers(0, 6000),
)
market_lists = st.lists(markets, max_size=24, unique_by=lambda one: (one.exchange, one.instrument, one.quote))


def cycles_plain(listings: list[Listing], min_net: float = PARAMS.min_net_edge) -> dict[tuple[str, Trades], float]:
    """One after the other: all orders of three and four currencies, and of each all markets that lead on."""
    found: dict[tuple[str, Trades], float] = {}

    def walks(exchange: str, ring: tuple[str, ...]) -> Iterator[list[tuple[Listing, str]]]:
        routes: list[list[tuple[Listing, str]]] = [[]]
        for held, wanted in zip(ring, (*ring[1:], ring[0]), strict=True):
            steps = [
                (one, side)
                for one in listings
                for side, pair in (("sell", (one.instrument, one.quote)), ("buy", (one.quote, one.instrument)))
                if one.exchange == exchange and pair == (held, wanted) and not np.isnan(one.fee)
            ]
            routes = [[*route, step] for route in routes for step in steps]
        yield from routes

    def brings(one: Listing, side: str) -> float:
        price = one.bid if side == "sell" else 1 / one.ask
        return price * (1 - one.fee)

    def is_detour(route: list[tuple[Listing, str]]) -> bool:
        """Whether a single trade does as well as two of these in a row."""
        for at in range(4):
            (one, one_side), (two, two_side) = route[at], route[(at + 1) % 4]
            held = one.instrument if one_side == "sell" else one.quote
            wanted = two.quote if two_side == "sell" else two.instrument
            for other in listings:
                if other.exchange != one.exchange or np.isnan(other.fee):
                    continue
                for side, pair in (("sell", (other.instrument, other.quote)), ("buy", (other.quote, other.instrument))):
                    if pair == (held, wanted) and brings(other, side) >= brings(one, one_side) * brings(two, two_side):
                        return True
        return False

    for exchange in "ab":
        quotes = {one.quote for one in listings}
        order = sorted(NAMES, key=lambda name: (name not in quotes, name != "USDT", name))
        for size in (3, 4):
            for ring in permutations(order, size):
                # Once, whatever it starts with.
                if ring[0] != min(ring, key=order.index):
                    continue
                for route in walks(exchange, ring):
                    if len({id(one) for one, _ in route}) < size:
                        continue
                    if size == 4 and is_detour(route):
                        continue
                    net, mid = 1.0, 1.0
                    for one, side in route:
                        net *= brings(one, side)
                        middle = (one.bid + one.ask) / 2
                        mid *= middle if side == "sell" else 1 / middle
                    moments = [one.ts for one, _ in route]
                    fits = max(moments) - min(moments) <= PARAMS.max_skew_ms and max(mid, 1 / mid) <= 1.2
                    if fits and net - 1 > min_net:
                        found[exchange, tuple((one.symbol, side) for one, side in route)] = net - 1
    return found


def assert_same(found: Any, wanted: Any, at: float = PARAMS.min_net_edge) -> None:
    for key in found.keys() ^ wanted.keys():
        assert abs({**found, **wanted}[key] - at) < 1e-12
    for key in found.keys() & wanted.keys():
        assert found[key] == pytest.approx(wanted[key], rel=1e-9, abs=1e-12)


@given(market_lists)
@settings(max_examples=150, deadline=None)
def test_the_scan_finds_what_trying_everything_finds(listings: list[Listing]) -> None:
    assert_same(trades_found(view_of(listings)), cycles_plain(listings))


def test_every_triangle_of_five_currencies_is_looked_at() -> None:
    listings = [
        Listing("a", WORTH[base] / WORTH[quote] * 0.9999, WORTH[base] / WORTH[quote] * 1.0001, base, quote)
        for at, base in enumerate(NAMES)
        for quote in NAMES[:at]
    ]
    found = trades_found(view_of(listings), replace(PARAMS, min_net_edge=-1.0))
    # 5·4·3/3 triangles in their two directions; what four trades do three do better, since each pair has its market.
    assert len(found) == 20
    assert_same(found, cycles_plain(listings, -1.0), -1.0)


def test_every_ring_of_four_is_looked_at_where_nothing_shorter_does_the_same() -> None:
    # Two hubs, each with every coin, and no market of the two: 3·2/2 rings in their two directions.
    listings = [
        Listing("a", WORTH[base] / WORTH[quote] * 0.9999, WORTH[base] / WORTH[quote] * 1.0001, base, quote)
        for base in ("ETH", "SOL", "XRP")
        for quote in ("USDT", "BTC")
    ]
    found = trades_found(view_of(listings), replace(PARAMS, min_net_edge=-1.0))
    assert sorted(len(trades) for _, trades in found) == [4] * 6
    assert_same(found, cycles_plain(listings, -1.0), -1.0)


def test_what_three_trades_do_is_not_told_again_with_a_detour() -> None:
    # The way to BTC could lead through SOL as well, at the price of one more fee.
    sol = [Listing("a", 149.99, 150.0, "SOL"), Listing("a", 0.002999, 0.003, "SOL", "BTC")]
    assert [len(trades) for _, trades in trades_found(view_of([*TRIANGLE, *sol]))] == [3]
    # Where the detour pays more than its fee it is another thing worth doing, beside the triangle of SOL itself.
    sol[1] = replace(sol[1], bid=0.00305, ask=0.00306)
    lengths = sorted(len(trades) for _, trades in trades_found(view_of([*TRIANGLE, *sol])))
    assert lengths == [3, 3, 4]


@given(market_lists)
@settings(max_examples=60, deadline=None)
def test_net_is_never_above_gross(listings: list[Listing]) -> None:
    found = CYCLES.scan(view_of(listings), replace(PARAMS, min_net_edge=-1.0))
    assert (found.net <= found.gross + 1e-12).all()


@given(market_lists, st.sampled_from(NAMES), st.sampled_from([1e-5, 0.125, 3.0, 1e4]))
@settings(max_examples=60, deadline=None)
def test_counting_a_currency_in_other_units_changes_nothing(listings: list[Listing], name: str, factor: float) -> None:
    def scaled(one: Listing) -> Listing:
        by = (factor if one.instrument == name else 1.0) / (factor if one.quote == name else 1.0)
        return replace(one, bid=one.bid * by, ask=one.ask * by)

    assert_same(trades_found(view_of([scaled(one) for one in listings])), trades_found(view_of(listings)))


@given(market_lists, st.floats(0, 0.01))
@settings(max_examples=60, deadline=None)
def test_a_higher_fee_never_raises_an_edge(listings: list[Listing], extra: float) -> None:
    before = trades_found(view_of(listings))
    after = trades_found(view_of([replace(one, fee=one.fee + extra) for one in listings]))
    assert after.keys() <= before.keys()
    assert all(net <= before[key] + 1e-12 for key, net in after.items())


@given(market_lists)
@settings(max_examples=60, deadline=None)
def test_swapping_the_exchanges_swaps_the_cycles(listings: list[Listing]) -> None:
    other = {"a": "b", "b": "a"}
    swapped = trades_found(view_of([replace(one, exchange=other[one.exchange]) for one in listings]))
    assert_same(swapped, {(other[at], trades): net for (at, trades), net in trades_found(view_of(listings)).items()})


# --- on order books ---------------------------------------------------------------------------------------------------


def test_a_cycle_at_the_reference_size() -> None:
    # 1,000 USDT buy 0.02 BTC, 0.01998 after the fee; those buy 0.4995 ETH, 0.4990005 after the fee; sold at 2,020:
    # 1,007.98101, 1,006.97302899 after the fee. Net 0.00697302899; gross 1/50,000/0.04·2,020 - 1 = 0.01.
    priced = price_legs(CYCLES, cycle(), terms())
    assert isinstance(priced, Priced)
    assert (priced.quantity, priced.size) == (1000, 1000)
    assert priced.amounts == (Decimal("0.02"), Decimal("0.4995"), Decimal("0.4990005"))
    assert priced.prices == (Decimal(50000), Decimal("0.04"), Decimal(2020))
    assert priced.edges.gross == Decimal("0.01")
    assert priced.edges.net == Decimal("0.00697302")
    assert priced.edges.profit == Decimal("6.97302899")
    # 1.01 - 1.01·0.999³ = 0.00302697101.
    assert priced.edges.costs == {"depth": 0, "fees": Decimal("0.00302697"), "lots": 0}


def test_all_books_are_walked_in_step() -> None:
    # Per USDT put in: 1/50,000 BTC, ·0.999 into ETH/BTC, ·0.999/0.04 into ETH/USDT = 0.00049900050 ETH.
    # Level 1 of ETH/USDT (1 ETH) ends first, after 1/0.000499000500 = 2,004.006008… USDT.
    # ETH/BTC: 2 ETH = 0.08 BTC = 4,004.004… USDT. BTC/USDT: 0.1 BTC = 5,000 USDT.
    steps = list(CYCLES.walk(cycle()))
    assert steps[0][1] == (1 / Decimal(50000), 1 / Decimal("0.04"), Decimal(2020))
    assert [round(units, 6) for units, _ in steps[:3]] == [
        Decimal("2004.006008"), Decimal("1999.997996"), Decimal("995.995996"),
    ]  # fmt: skip
    assert sum(units for units, _ in steps[:3]) == pytest.approx(Decimal(5000))
    assert steps[1][1][2] == 2018
    assert steps[2][1][1] == 1 / Decimal("0.0401")
    assert steps[3][1][0] == 1 / Decimal("50050")


def test_optimal_and_break_even_size() -> None:
    # Levels after the first (1.01): at 2,018 1.009·0.999³ = 1.00597…; ETH at 0.0401: 1.00648…·0.999³ = 1.003464…;
    # BTC at 50,050: 1.005479…·0.999³ = 1.0024617… still earns, until a book ends.
    priced = price_legs(CYCLES, cycle(), terms(reference_notional=Decimal(100_000)))
    whole = sum(units for units, _ in CYCLES.walk(cycle()))
    assert priced.optimal_notional == priced.max_notional == round(whole, 4)
    # At 0.25 % a trade the first step earns 1.01·0.9975³ - 1 = 0.0024439…, the second 1.009·0.9975³ - 1 = 0.0014514…,
    # the third 1.00648…·0.9975³ - 1 = -0.00105…
    priced = price_legs(CYCLES, cycle(fee="0.0025"), terms(reference_notional=Decimal(100_000)))
    steps = list(CYCLES.walk(cycle(fee="0.0025")))
    optimal = steps[0][0] + steps[1][0]
    assert priced.optimal_notional == round(optimal, 4)
    earned = steps[0][0] * (Decimal("1.01") * Decimal("0.9975") ** 3 - 1)
    earned += steps[1][0] * (Decimal("1.009") * Decimal("0.9975") ** 3 - 1)
    lost = 1 - Decimal(2018) / 50000 / Decimal("0.0401") * Decimal("0.9975") ** 3
    assert steps[2][0] * lost < earned
    assert priced.max_notional > priced.optimal_notional


def test_depth_fees_and_lots_are_costs_of_their_own() -> None:
    # 3,000 USDT = 0.06 BTC, 0.05994 after the fee = 1.4985 ETH, in lots of 0.1 1.4 (0.056 BTC; the rest is lost),
    # 1.3986 after the fee, in lots of 0.1 1.3: 2,020 + 0.3·2,018 = 2,625.4, 2,622.7746 after the fee.
    legs = cycle()
    legs = (legs[0], *(replace(one, amount_step=Decimal("0.1")) for one in legs[1:]))
    edges = CYCLES.edges(legs, terms().edge, Decimal(3000))
    assert edges.profit == Decimal("2622.7746") - 3000
    assert edges.net == Decimal("2622.7746") / 3000 - 1
    # Sold at 2,625.4/1.3 = 2,019.538…: 1.01 - 2,019.538…/2,000 = 0.000230769…
    assert edges.costs["depth"] == pytest.approx(Decimal("0.00023076923"))
    assert edges.gross - sum(edges.costs.values()) == pytest.approx(edges.net)
    assert edges.costs["lots"] > Decimal("0.1")
    assert price_legs(CYCLES, legs, terms(reference_notional=Decimal(3000))) == Refusal(Reason.EDGE_GONE)


def test_the_first_trade_is_of_whole_lots() -> None:
    legs = cycle()
    coarse = (replace(legs[0], amount_step=Decimal("0.003")), *legs[1:])
    priced = price_legs(CYCLES, coarse, terms())
    # 0.02 BTC in lots of 0.003: 0.018 = 900 USDT. What is not put in is not lost.
    assert (priced.quantity, priced.size) == (900, 900)
    assert priced.edges.costs["lots"] == 0
    assert price_legs(CYCLES, (replace(legs[0], amount_step=Decimal(1)), *legs[1:]), terms()) == Refusal(
        Reason.BELOW_MINIMUM
    )


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("least", [{"min_amount": Decimal(5)}, {"min_notional": Decimal(5000)}])
def test_a_trade_below_its_markets_minimum_is_refused(at: int, least: dict[str, Any]) -> None:
    legs = tuple(replace(one, **least) if index == at else one for index, one in enumerate(cycle()))
    assert price_legs(CYCLES, legs, terms()) == Refusal(Reason.BELOW_MINIMUM)


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bids": ()}, Reason.EMPTY_BOOK),
        ({"asks": levels(("0.00001", "1"))}, Reason.CROSSED_BOOK),
        ({"exchange_ts": NOW_MS - 5301}, Reason.SKEWED_BOOKS),
    ],
)
def test_books_that_cannot_be_trusted_are_refused(at: int, changes: dict[str, Any], reason: Reason) -> None:
    legs = tuple(replace(one, **changes) if index == at else one for index, one in enumerate(cycle()))
    assert price_legs(CYCLES, legs, terms()) == Refusal(reason)


def test_rates_that_lead_too_far_round_are_refused() -> None:
    legs = (*cycle()[:2], replace(cycle()[2], bids=levels(("2500", "5")), asks=levels(("2501", "5"))))
    assert price_legs(CYCLES, legs, terms()) == Refusal(Reason.PRICE_RATIO)


def test_a_size_that_a_book_does_not_hold_is_unknown() -> None:
    assert edge_at(CYCLES, cycle(), terms(), Decimal(1_000_000)) == Refusal(Reason.THIN_BOOK)
    thin = (*cycle()[:2], replace(cycle()[2], bids=levels(("2020", "0.1"))))
    assert edge_at(CYCLES, thin, terms(), Decimal(1000)) == Refusal(Reason.THIN_BOOK)


sizes = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10**6)), min_size=1, max_size=6)


@given(sizes, sizes, sizes, st.sampled_from([None, "0.001", "0.01"]), st.sampled_from(["0", "0.0004", "0.001"]))
@settings(max_examples=60, deadline=None)
def test_any_priced_cycle_recomputes_exactly_and_its_costs_add_up(
    first: Any, second: Any, third: Any, step: str | None, fee: str
) -> None:
    def ladder(rows: Any, start: str, direction: int, size: str) -> Any:
        price, out = Decimal(start), []
        for gap, count in rows:
            out.append((str(price), str(count * Decimal(size))))
            price *= 1 + direction * Decimal(gap) / 100_000
        return levels(*out)

    btc, eth_btc, eth = cycle(fee=fee, amount_step=None if step is None else Decimal(step))
    legs: tuple[Leg, ...] = (
        replace(btc, asks=ladder(first, "50000", 1, "1e-6")),
        replace(eth_btc, asks=ladder(second, "0.04", 1, "2e-5")),
        replace(eth, bids=ladder(third, "2020", -1, "2e-5")),
    )
    for reference in ("33.3", "1000"):
        wanted = terms(reference_notional=Decimal(reference), min_net_edge=Decimal("-1"))
        priced = price_legs(CYCLES, legs, wanted)
        if not isinstance(priced, Priced):
            continue
        evidence = json.loads(json.dumps(evidence_of(CYCLES, legs, wanted, priced.quantity)))
        assert recompute(evidence) == priced.edges.net
        assert priced.edges.net <= priced.edges.gross
        assert all(cost >= 0 for cost in priced.edges.costs.values())
        assert priced.size <= min(Decimal(reference), priced.optimal_notional) <= priced.max_notional
        # Nothing is bought below the ask or sold above the bid, and no trade takes more than the one before brought.
        hair = Decimal("1e-20")
        assert priced.prices[0] >= 50000 - hair
        assert priced.prices[1] >= Decimal("0.04") - hair
        assert priced.prices[2] <= 2020 + hair
        assert priced.amounts[1] * priced.prices[1] <= priced.amounts[0] * (1 - Decimal(fee)) + hair
        assert priced.amounts[2] <= priced.amounts[1] * (1 - Decimal(fee)) + hair


# --- the whole walk ---------------------------------------------------------------------------------------------------


def test_a_cycle_from_the_quotes_to_the_alert_and_its_markouts(build: Build) -> None:
    world = build(*TRIANGLE)
    row = world.activate()
    assert (row.kind, row.leg_count, row.instrument, row.quote) == ("triangular", 3, "USDT", "USDT")
    assert [(leg["symbol"], leg["side"]) for leg in row.legs] == [
        ("BTC/USDT", "buy"), ("ETH/BTC", "buy"), ("ETH/USDT", "sell"),
    ]  # fmt: skip
    assert row.market_ids == tuple(world.ids)
    assert recompute(row.evidence) == row.net_edge
    # 0.02 BTC; 0.01998 of them buy 0.4995 ETH; of 0.4990005 of those 0.499 are sold (lots of 0.0001):
    # 0.499·2,020·0.999 = 1,006.97202.
    assert row.profit == Decimal("6.97202")
    assert row.net_edge == Decimal("0.00697202")
    facts = alert_facts(row, now=world.now)
    assert facts["symbol"] == "USDT → BTC → ETH → USDT"
    assert [leg["words"] for leg in facts["legs"]] == [
        "buy 0.02 BTC on a at 50,000.00",
        "buy 0.4995 ETH on a at 0.04 BTC",
        "sell 0.499 ETH on a at 2,020.00",
    ]
    assert facts["profit"] == "6.972 USDT"
    world.pass_time(1.2)
    world.quote()
    world.fill_books()
    world.pass_time(0.2)
    assert markouts_measure(market_ids=None, now=world.now) == 1
    assert Markout.objects.get(horizon_s=1).net_edge == row.net_edge
    world.pass_time(4)
    world.change(2, bid=1990.0, ask=1991.0)
    world.quote()
    world.price()
    assert Opportunity.objects.get().status == OpportunityStatus.CLOSED


def test_a_cycle_seen_again_is_the_same_one(build: Build) -> None:
    world = build(*TRIANGLE, Listing("a", 99.9, 100.0, "X"), Listing("b", 101.0, 101.1, "X"))
    world.detect()
    assert set(Opportunity.objects.values_list("kind", "leg_count")) == {("triangular", 3), ("cross_exchange", 2)}
    world.pass_time(2)
    report = world.detect()
    assert (report.opened, report.seen) == (0, 2)


def test_the_sides_of_a_leg_say_what_is_taken() -> None:
    buy, _, sell = cycle()
    assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
    assert CYCLES.ladders((buy, sell)) == (
        ((1 / Decimal(50000), Decimal(5000)), (1 / Decimal(50050), Decimal(500500))),
        sell.bids,
    )
