import json
from dataclasses import replace
from decimal import Decimal, getcontext, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.opportunities.enums import Side
from apps.opportunities.evidence import EvidenceUnreadable, evidence_of, recompute
from apps.opportunities.legs import Leg, Levels
from apps.opportunities.pricing import Priced, price_legs
from apps.opportunities.strategies.base import Strategy
from apps.opportunities.strategies.cross_exchange import CrossExchange
from apps.opportunities.strategies.funding_rate import FundingRate
from apps.opportunities.strategies.spot_perp import SpotPerp
from tests.opportunities.factories import NOW_MS, funding, leg, levels, terms
from tests.opportunities.test_pricing import cross_legs, funding_legs, spot_perp_legs

Rows = list[tuple[Any, Any]]

CROSS, FUNDING, SPOT_PERP = CrossExchange(), FundingRate(), SpotPerp()


def stored(strategy: Strategy, legs: tuple[Leg, ...], **changes: Any) -> tuple[Priced, dict[str, Any]]:
    """The priced candidate and its evidence after a trip through JSON."""
    wanted = terms(**changes)
    priced = price_legs(strategy, legs, wanted)
    assert isinstance(priced, Priced)
    return priced, json.loads(json.dumps(evidence_of(strategy, legs, wanted, priced.quantity)))


@pytest.mark.parametrize(
    ("strategy", "legs"), [(CROSS, cross_legs()), (FUNDING, funding_legs()), (SPOT_PERP, spot_perp_legs())]
)
def test_the_net_edge_follows_from_the_evidence_alone(strategy: Strategy, legs: tuple[Leg, ...]) -> None:
    priced, evidence = stored(strategy, legs)
    assert recompute(evidence) == priced.edges.net


def test_the_evidence_is_enough_for_pencil_and_paper() -> None:
    priced, evidence = stored(CROSS, cross_legs())
    buy, sell = evidence["legs"]
    quantity = Decimal(evidence["quantity"])

    def paid(side: Any) -> Decimal:
        left, total = quantity, Decimal(0)
        for price, size in side:
            part = min(left, Decimal(size))
            total, left = total + part * Decimal(price), left - part
        assert left == 0
        return total

    net = paid(sell["bids"]) * (1 - Decimal(sell["fee"])) / (paid(buy["asks"]) * (1 + Decimal(buy["fee"]))) - 1
    assert 0 <= net - priced.edges.net < Decimal("1e-8")


def test_only_the_levels_that_were_needed_are_kept() -> None:
    _, evidence = stored(CROSS, cross_legs(), reference_notional=Decimal(100))
    buy, sell = evidence["legs"]
    assert buy["asks"] == [["100", "2"]]
    assert sell["bids"] == [["103", "3"]]
    assert len(buy["bids"]) == len(sell["asks"]) == 1


def test_evidence_says_when_and_on_what_terms() -> None:
    _, evidence = stored(FUNDING, funding_legs())
    assert (evidence["kind"], evidence["formula"]) == ("funding_rate", "funding_rate/1")
    assert (evidence["at_ms"], evidence["horizon_h"]) == (NOW_MS, "24")
    long = evidence["legs"][0]
    assert long["funding"] == {"rate": "0.0001", "interval_h": "8", "next_funding_at": NOW_MS + 4 * 3_600_000}
    assert (long["fee"], Decimal(long["mid"]), long["exchange_ts"]) == ("0.0005", 100, NOW_MS - 300)


def test_recomputing_does_not_depend_on_the_callers_precision() -> None:
    legs = tuple(replace(one, multiplier=Decimal(3)) for one in cross_legs())
    priced, evidence = stored(CROSS, legs)
    with localcontext() as context:
        context.prec = 5
        assert recompute(evidence) == priced.edges.net
    assert getcontext().prec != 34


def test_evidence_of_another_formula_is_refused_and_says_which() -> None:
    _, evidence = stored(CROSS, cross_legs())
    with pytest.raises(EvidenceUnreadable, match="cross_exchange/0"):
        recompute({**evidence, "formula": "cross_exchange/0"})


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10**7)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10**7)), min_size=1, max_size=8),
    st.sampled_from(["1", "7", "1000"]),
    st.integers(-300, 300),
)
@settings(max_examples=150, deadline=None)
def test_any_priced_candidate_recomputes_exactly(gaps: Rows, others: Rows, multiplier: str, rate: int) -> None:
    def ladder(rows: Rows, start: Any, direction: Any) -> Levels:
        price, out = start, []
        for gap, size in rows:
            out.append((str(price), f"{size}e-5"))
            price += direction * Decimal(gap) / 1000
        return levels(*out)

    unit = Decimal(multiplier)
    for strategy in (CROSS, FUNDING, SPOT_PERP):
        buy = leg("a", Side.BUY, ladder(others, Decimal("99.9"), -1), ladder(gaps, Decimal("100.1"), 1))
        sell = leg("b", Side.SELL, ladder(gaps, Decimal("101.3"), -1), ladder(others, Decimal("101.4"), 1))
        buy = replace(buy, multiplier=unit, funding=funding("0.0001", next_h="3.777"))
        sell = replace(sell, multiplier=unit, funding=funding(f"{rate}e-5", interval_h="1", next_h="0.1"))
        wanted = terms(reference_notional=Decimal("33.3"), min_net_edge=Decimal("-1"))
        priced = price_legs(strategy, (buy, sell), wanted)
        if isinstance(priced, Priced):
            evidence = json.loads(json.dumps(evidence_of(strategy, (buy, sell), wanted, priced.quantity)))
            assert recompute(evidence) == priced.edges.net
            assert priced.edges.net <= priced.edges.gross
