from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.opportunities.enums import Risk
from apps.opportunities.risk import RiskFacts, assess

FACTS = RiskFacts(
    book_age_s=0,
    seen_for_s=0,
    optimal_notional=Decimal(2000),
    reference_notional=Decimal(1000),
    net_edge=Decimal("0.002"),
    profit_usd=Decimal(2),
    break_even_share=None,
)


@pytest.mark.parametrize(
    ("changes", "confidence"),
    [
        ({}, 0.8),
        ({"seen_for_s": 60}, 1.0),
        ({"seen_for_s": 6000}, 1.0),
        ({"book_age_s": 5}, 0.6),
        ({"book_age_s": 99}, 0.4),
        ({"optimal_notional": Decimal(250)}, 0.5),
        ({"optimal_notional": Decimal(0), "book_age_s": 10}, 0.0),
    ],
)
def test_confidence(changes: dict[str, Any], confidence: float) -> None:
    verdict = assess(replace(FACTS, **changes))
    assert verdict.confidence == pytest.approx(confidence)
    assert verdict.score == pytest.approx(2 * confidence)


@pytest.mark.parametrize(
    ("changes", "risk"),
    [
        ({}, Risk.LOW),
        ({"optimal_notional": Decimal(999)}, Risk.MEDIUM),
        ({"optimal_notional": Decimal(499)}, Risk.HIGH),
        ({"net_edge": Decimal("0.011")}, Risk.MEDIUM),
        ({"net_edge": Decimal("0.031")}, Risk.HIGH),
        ({"break_even_share": Decimal("0.51")}, Risk.MEDIUM),
        ({"break_even_share": Decimal("1.01")}, Risk.HIGH),
    ],
)
def test_risk(changes: dict[str, Any], risk: str) -> None:
    assert assess(replace(FACTS, **changes)).risk is risk


def test_the_score_orders_by_expected_profit_not_by_edge() -> None:
    large = replace(FACTS, profit_usd=Decimal(5), net_edge=Decimal("0.005"))
    thin = replace(FACTS, profit_usd=Decimal("0.2"), net_edge=Decimal("0.02"), optimal_notional=Decimal(10))
    assert assess(large).score > assess(thin).score
