"""The house's own rules, as they are stored first; operators change and switch them in the admin.

On the hour, confirmed by four hours: the usual periods and thresholds (J. W. Wilder, "New Concepts in Technical Trading
Systems", 1978: RSI 30/70; G. Appel: MACD 12/26/9; J. Bollinger, "Bollinger on Bollinger Bands", 2001: 20 bars, 2
deviations)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.opportunities.enums import Side
from apps.opportunities.technical.operands import ROC

_HOUR, _CONFIRMS = "1h", "4h"


@dataclass(frozen=True, slots=True)
class ShippedRule:
    """A rule with the name that it is known by when it is seeded again."""

    slug: str
    name: str
    side: Side
    conditions: Mapping[str, Any]


def _than(indicator: str, op: str, than: float | str, timeframe: str = _HOUR) -> dict[str, Any]:
    key = "other" if isinstance(than, str) else "value"
    return {"indicator": indicator, "timeframe": timeframe, "op": op, key: than}


def _rule(slug: str, name: str, side: Side, *conditions: dict[str, Any], confirm: dict[str, Any]) -> ShippedRule:
    return ShippedRule(slug, name, side, {"all": list(conditions), "confirm": [confirm]})


SHIPPED: Final = (
    _rule(
        "rsi_oversold", "RSI oversold", Side.BUY,
        _than("rsi_14", "<", 30), confirm=_than("rsi_14", "<", 40, _CONFIRMS),
    ),
    _rule(
        "rsi_overbought", "RSI overbought", Side.SELL,
        _than("rsi_14", ">", 70), confirm=_than("rsi_14", ">", 60, _CONFIRMS),
    ),
    _rule(
        "macd_up", "MACD crosses its signal upwards", Side.BUY,
        _than("macd", "crosses_above", "macd_signal"), confirm=_than("macd_hist", ">", 0, _CONFIRMS),
    ),
    _rule(
        "macd_down", "MACD crosses its signal downwards", Side.SELL,
        _than("macd", "crosses_below", "macd_signal"), confirm=_than("macd_hist", "<", 0, _CONFIRMS),
    ),
    _rule(
        "sma_up", "SMA 20 crosses SMA 50 upwards", Side.BUY,
        _than("sma_20", "crosses_above", "sma_50"), _than(ROC, ">", 0),
        confirm=_than("ema_12", ">", "ema_26", _CONFIRMS),
    ),
    _rule(
        "sma_down", "SMA 20 crosses SMA 50 downwards", Side.SELL,
        _than("sma_20", "crosses_below", "sma_50"), _than(ROC, "<", 0),
        confirm=_than("ema_12", "<", "ema_26", _CONFIRMS),
    ),
    _rule(
        "ema_up", "EMA 12 crosses EMA 26 upwards", Side.BUY,
        _than("ema_12", "crosses_above", "ema_26"), confirm=_than("ema_12", ">", "ema_26", _CONFIRMS),
    ),
    _rule(
        "ema_down", "EMA 12 crosses EMA 26 downwards", Side.SELL,
        _than("ema_12", "crosses_below", "ema_26"), confirm=_than("ema_12", "<", "ema_26", _CONFIRMS),
    ),
    _rule(
        "band_up", "Close breaks out above the Bollinger band", Side.BUY,
        _than("close", "crosses_above", "bb_upper"), confirm=_than("close", ">", "bb_middle", _CONFIRMS),
    ),
    _rule(
        "band_down", "Close breaks out below the Bollinger band", Side.SELL,
        _than("close", "crosses_below", "bb_lower"), confirm=_than("close", "<", "bb_middle", _CONFIRMS),
    ),
)  # fmt: skip
