"""Conditions in JSON: what is understood, and what is refused where."""

from typing import Any

import pytest

from apps.opportunities.technical.conditions import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    Comparison,
    ConditionsInvalid,
    Group,
    PatternShown,
    conditions_parse,
    on_timeframe,
)
from apps.opportunities.technical.operands import Op, Turn
from apps.opportunities.technical.shipped import SHIPPED

RSI = {"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}


def rsi(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**RSI, **changes}.items() if value is not ...}


def nested(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = rsi()
    for _ in range(levels):
        tree = {"all": [tree]}
    return tree


def test_a_tree_of_conditions_becomes_typed() -> None:
    parsed = conditions_parse(
        {
            "any": [
                rsi(op="between", value=[40, 60]),
                {
                    "all": [
                        {"indicator": "close", "timeframe": "4h", "op": "crosses_above", "other": "bb_upper"},
                        {"pattern": "hammer", "timeframe": "1h", "is": "bullish"},
                    ]
                },
            ],
            "confirm": [rsi(timeframe="15m")],
        }
    )
    between, group = parsed.when.parts
    assert isinstance(between, Comparison) and (between.op, between.than) == (Op.BETWEEN, (40.0, 60.0))
    assert isinstance(group, Group) and group.every and not parsed.when.every
    crossing, pattern = group.parts
    assert isinstance(crossing, Comparison) and crossing.op is Op.CROSSES_ABOVE
    assert isinstance(pattern, PatternShown) and pattern.turn is Turn.BULLISH
    assert parsed.timeframes == ("15m", "1h", "4h")
    assert {
        ("1h", "rsi_14"),
        ("1h", "hammer"),
        ("4h", "close"),
        ("4h", "bb_upper"),
        ("4h", "atr_14"),
    } <= parsed.readings
    moved = on_timeframe(parsed, "1m")
    assert moved.timeframes == ("1m",)
    assert {name for _, name in moved.readings} == {name for _, name in parsed.readings}


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ([], "conditions", "object"),
        ({}, "conditions", "all or any"),
        ({"all": [rsi()], "any": [rsi()]}, "conditions", "either"),
        ({"all": []}, "conditions.all", "1 to"),
        ({"all": {}}, "conditions.all", "list"),
        ({"all": [3]}, "conditions.all[0]", "object"),
        ({"all": [{}]}, "conditions.all[0]", "indicator or pattern"),
        ({"all": [rsi(), rsi(indicator="rsi")]}, "conditions.all[1].indicator", "rsi_14"),
        ({"all": [rsi(indicator=["rsi_14"])]}, "conditions.all[0].indicator", "rsi_14"),
        ({"all": [rsi(timeframe="2h")]}, "conditions.all[0].timeframe", "1m"),
        ({"all": [rsi(timeframe=...)]}, "conditions.all[0].timeframe", "1m"),
        ({"all": [rsi(op="<=")]}, "conditions.all[0].op", "crosses_above"),
        ({"all": [rsi(value=101)]}, "conditions.all[0].value", "0 to 100"),
        ({"all": [rsi(value=-1)]}, "conditions.all[0].value", "0 to 100"),
        ({"all": [rsi(value="30")]}, "conditions.all[0].value", "number"),
        ({"all": [rsi(value=True)]}, "conditions.all[0].value", "number"),
        ({"all": [rsi(value=float("nan"))]}, "conditions.all[0].value", "number"),
        ({"all": [rsi(indicator="macd", value=10**400)]}, "conditions.all[0].value", "number"),
        ({"all": [rsi(indicator="macd", value=float("-inf"))]}, "conditions.all[0].value", "number"),
        ({"all": [rsi(value=...)]}, "conditions.all[0]", "value"),
        ({"all": [rsi(other="stoch_k")]}, "conditions.all[0]", "one of them"),
        ({"all": [rsi(value=..., other="close")]}, "conditions.all[0].other", "stoch_k"),
        ({"all": [rsi(value=..., other="rsi_14")]}, "conditions.all[0].other", "stoch_k"),
        ({"all": [rsi(indicator="bb_percent", value=..., other="close")]}, "conditions.all[0].other", "numbers"),
        ({"all": [rsi(indicator="close", value=-1)]}, "conditions.all[0].value", "at least 0"),
        ({"all": [rsi(op="between", value=30)]}, "conditions.all[0].value", "two numbers"),
        ({"all": [rsi(op="between", value=[60, 40])]}, "conditions.all[0].value", "lower"),
        ({"all": [rsi(op="between", value=[10, 140])]}, "conditions.all[0].value[1]", "0 to 100"),
        ({"all": [rsi(timeframes="1h")]}, "conditions.all[0]", "timeframes"),
        ({"all": [{"pattern": "head_and_shoulders", "timeframe": "1h", "is": "bullish"}]},
         "conditions.all[0].pattern", "hammer"),
        ({"all": [{"pattern": "hammer", "timeframe": "1h"}]}, "conditions.all[0].is", "bearish"),
        ({"all": [{"pattern": "hammer", "timeframe": "1h", "is": "bullish", "at": 1}]}, "conditions.all[0]", "at"),
        ({"all": [rsi()], "confirm": []}, "conditions.confirm", "1 to"),
        ({"all": [{"all": [rsi()], "confirm": [rsi()]}]}, "conditions.all[0]", "confirm"),
        ({"all": [{"any": [rsi()] * 11}, {"any": [rsi()] * 11}]}, "conditions", f"at most {MAX_CONDITIONS}"),
        ({"all": [rsi(timeframe=one) for one in ("1m", "5m", "15m", "1h")]}, "conditions", "3 timeframes"),
        (nested(MAX_DEPTH + 1), "conditions" + ".all[0]" * MAX_DEPTH, f"at most {MAX_DEPTH}"),
        (nested(200), "conditions" + ".all[0]" * MAX_DEPTH, f"at most {MAX_DEPTH}"),
    ],
)  # fmt: skip
def test_what_can_not_be_judged_is_refused_with_its_place(data: Any, path: str, words: str) -> None:
    with pytest.raises(ConditionsInvalid) as refused:
        conditions_parse(data)
    assert refused.value.path == path
    assert words in refused.value.message


def test_as_deep_and_as_many_as_allowed_pass() -> None:
    assert conditions_parse(nested(MAX_DEPTH)).timeframes == ("1h",)
    assert len(conditions_parse({"any": [rsi(value=value) for value in range(MAX_CONDITIONS)]}).when.parts) == 20


def test_shipped_rules_are_understood_and_come_for_both_sides() -> None:
    for one in SHIPPED:
        conditions = conditions_parse(dict(one.conditions))
        assert conditions.timeframes == ("1h", "4h")
    assert len({one.slug for one in SHIPPED}) == len(SHIPPED)
    assert {one.side.value for one in SHIPPED} == {"buy", "sell"}
