"""Confidence, risk with its reasons, and score."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.markets.enums import Gate
from apps.opportunities.enums import Risk
from apps.opportunities.risk import EdgePast, FundingPast, Health, RiskFacts, assess, net_if_fading
from apps.opportunities.transfer import Moved

FACTS = RiskFacts(
    book_age_s=0,
    seen_for_s=0,
    optimal_notional=Decimal(2000),
    reference_notional=Decimal(1000),
    net_edge=Decimal("0.002"),
    profit_usd=Decimal(2),
    horizon_h=24.0,
)


def open_at(share: str) -> Moved:
    return Moved(Gate.OPEN, "", Decimal(share) * 1000, Decimal(share))


def funding(std_hourly: float, *, mean_hourly: float = 0.0, half_life_hours: float | None = None) -> FundingPast:
    return FundingPast(100, mean_hourly, std_hourly, half_life_hours)


@pytest.mark.parametrize(
    ("changes", "confidence"),
    [
        ({}, 0.8),
        ({"seen_for_s": 60}, 1.0),
        ({"seen_for_s": 6000}, 1.0),
        ({"book_age_s": 5}, 0.65),
        ({"book_age_s": 99}, 0.5),
        ({"optimal_notional": Decimal(250)}, 0.575),
        ({"health": (Health("a", 1.0), Health("b", 0.5, "slow"))}, 0.7),
        ({"optimal_notional": Decimal(0), "book_age_s": 10, "health": (Health("a", 0.0, "down"),)}, 0.0),
        # Half of such edges are gone after a minute: (0 + 0.5) / 2 of persistence, then (1 + 0.5) / 2.
        ({"edge_past": EdgePast(60.0, 0, None)}, 0.85),
        ({"edge_past": EdgePast(60.0, 0, None), "seen_for_s": 60}, 0.95),
        ({"edge_past": EdgePast(0.0, 0, None), "seen_for_s": 60}, 0.9),
        ({"edge_past": EdgePast(None, 0, None), "seen_for_s": 60}, 1.0),
    ],
)
def test_confidence(changes: dict[str, Any], confidence: float) -> None:
    verdict = assess(replace(FACTS, **changes))
    assert verdict.confidence == pytest.approx(confidence)
    assert verdict.score == pytest.approx(2 * confidence)


@pytest.mark.parametrize(
    ("changes", "risk", "factor"),
    [
        ({"optimal_notional": Decimal(1000)}, Risk.LOW, ""),
        ({"optimal_notional": Decimal(999)}, Risk.MEDIUM, "depth"),
        ({"optimal_notional": Decimal(499)}, Risk.HIGH, "depth"),
        ({"net_edge": Decimal("0.01")}, Risk.LOW, ""),
        ({"net_edge": Decimal("0.011")}, Risk.MEDIUM, "edge"),
        ({"net_edge": Decimal("0.031")}, Risk.HIGH, "edge"),
        ({"break_even_share": Decimal("0.5")}, Risk.LOW, ""),
        ({"break_even_share": Decimal("0.51")}, Risk.MEDIUM, "break_even"),
        ({"break_even_share": Decimal("1.01")}, Risk.HIGH, "break_even"),
        ({"spread": Decimal("0.002")}, Risk.LOW, ""),
        ({"spread": Decimal("0.0021")}, Risk.MEDIUM, "spread"),
        ({"spread": Decimal("0.0061")}, Risk.HIGH, "spread"),
        # 1 % an hour is 0.0373 % in 5 s; the edge is 0.2 %.
        ({"volatility": 0.01}, Risk.LOW, ""),
        ({"volatility": 0.03}, Risk.MEDIUM, "volatility"),
        ({"volatility": 0.06}, Risk.HIGH, "volatility"),
        # 1 % an hour is 4.9 % a day: 32 % away is 6.5 deviations, 12 % is 2.4, 9 % is 1.8.
        ({"volatility": 0.01, "liquidation": Decimal("0.32")}, Risk.LOW, ""),
        ({"volatility": 0.01, "liquidation": Decimal("0.12")}, Risk.MEDIUM, "liquidation"),
        ({"volatility": 0.01, "liquidation": Decimal("0.09")}, Risk.HIGH, "liquidation"),
        ({"liquidation": Decimal("0.09")}, Risk.LOW, ""),
        # 0.008 % an hour is 0.192 % a day.
        ({"funding_past": funding(0.00008)}, Risk.LOW, ""),
        ({"funding_past": funding(0.00009)}, Risk.MEDIUM, "funding"),
        ({"funding_past": funding(0.0003)}, Risk.HIGH, "funding"),
        ({"transfer": open_at("0.0019")}, Risk.LOW, ""),
        ({"transfer": open_at("0.002")}, Risk.MEDIUM, "transfer"),
        ({"transfer": Moved(Gate.UNKNOWN, "BTC: nobody tells", None, None)}, Risk.HIGH, "transfer"),
        ({"edge_past": EdgePast(60.0, 4, 0.0)}, Risk.LOW, ""),
        ({"edge_past": EdgePast(60.0, 5, 0.79)}, Risk.MEDIUM, "past"),
        ({"edge_past": EdgePast(60.0, 5, 0.49)}, Risk.HIGH, "past"),
        ({"edge_past": EdgePast(59.0, 0, None)}, Risk.MEDIUM, "past"),
        ({"health": (Health("a", 1.0), Health("b", 0.3, "its spot feed is stale"))}, Risk.MEDIUM, "exchange"),
        ({"health": (Health("b", 0.0, "calls to it fail"),)}, Risk.HIGH, "exchange"),
    ],
)
def test_risk_is_that_of_the_worst_finding_which_says_why(changes: dict[str, Any], risk: Risk, factor: str) -> None:
    verdict = assess(replace(FACTS, **changes))
    assert verdict.risk is risk
    assert [one.factor for one in verdict.findings] == ([factor] if factor else [])
    assert all(one.words and one.risk is not Risk.LOW for one in verdict.findings)


def test_findings_are_told_worst_first() -> None:
    verdict = assess(replace(FACTS, optimal_notional=Decimal(999), net_edge=Decimal("0.04"), spread=Decimal("0.05")))
    assert [(one.factor, one.risk) for one in verdict.findings] == [
        ("edge", Risk.HIGH),
        ("depth", Risk.MEDIUM),
        ("spread", Risk.MEDIUM),
    ]


def test_a_funding_difference_that_fades_before_the_costs_are_earned_is_high() -> None:
    # 0.02 % an hour now, none in the mean, half gone within 6 h: 0.0002 · 6/ln 2 · (1 - 2^-4) = 0.1623 % in a day.
    now = replace(FACTS, funding_now=Decimal("0.0002"), funding_past=funding(0.00001, half_life_hours=6.0))
    lasting = replace(now, cost=Decimal("0.001"))
    assert net_if_fading(lasting) == pytest.approx(0.000623, abs=1e-6)
    assert assess(lasting).risk is Risk.LOW
    fading = replace(now, cost=Decimal("0.002"))
    assert net_if_fading(fading) == pytest.approx(-0.000377, abs=1e-6)
    assert assess(fading).findings[0].factor == "funding"
    assert assess(fading).risk is Risk.HIGH


@pytest.mark.parametrize("past", [None, funding(0.0), funding(0.0, half_life_hours=0.0)])
def test_without_a_half_life_nothing_fades(past: FundingPast | None) -> None:
    assert net_if_fading(replace(FACTS, funding_now=Decimal("0.0002"), funding_past=past)) is None


def test_a_mean_as_high_as_now_does_not_fade() -> None:
    past = funding(0.0, mean_hourly=0.0002, half_life_hours=6.0)
    facts = replace(FACTS, funding_now=Decimal("0.0002"), funding_past=past, cost=Decimal("0.001"))
    assert net_if_fading(facts) == pytest.approx(0.0048 - 0.001)


def test_the_score_orders_by_expected_profit_not_by_edge() -> None:
    large = replace(FACTS, profit_usd=Decimal(5), net_edge=Decimal("0.005"))
    thin = replace(FACTS, profit_usd=Decimal("0.2"), net_edge=Decimal("0.02"), optimal_notional=Decimal(10))
    assert assess(large).score > assess(thin).score


def test_the_score_pays_for_transfers_that_are_known() -> None:
    moved = replace(FACTS, transfer=open_at("0.0005"), transfer_usd=Decimal("0.5"))
    assert assess(moved).score == pytest.approx(1.5 * 0.8)
