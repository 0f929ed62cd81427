"""Exact decimals: in from outside, rounded the way that never promises too much."""

from decimal import ROUND_FLOOR, Context, Decimal, DecimalException

EDGE_QUANTUM = Decimal("1e-8")
# Wide enough for any price, amount and step of any exchange; 28 digits (the default) overflow at 1e20 / 1e-10.
_WIDE = Context(prec=80)


def to_decimal(value: int | str | float | Decimal) -> Decimal:
    """The exact value; a float counts as what it prints as (`0.1` is one tenth).

    Raises ValueError, saying what was wrong, for NaN, infinities, booleans and text that is no number."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not an amount")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (DecimalException, TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    return number


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value` towards zero: an order must never exceed what was asked for.

    Raises ValueError for a step that is not positive."""
    if not step.is_finite() or step <= 0:
        raise ValueError(f"step must be positive, not {step}")
    return _WIDE.subtract(value, _WIDE.remainder(value, step))


def quantize_edge(value: Decimal) -> Decimal:
    """A fraction of notional to eight places, rounded down: a stored edge is never better than the computed one."""
    return value.quantize(EDGE_QUANTUM, rounding=ROUND_FLOOR, context=_WIDE)
