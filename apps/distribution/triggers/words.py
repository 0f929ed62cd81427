"""Figures as people read them."""

import numpy as np


def number(value: float) -> str:
    """Eight significant digits, thousands separated: 70,012.5."""
    whole, _, rest = np.format_float_positional(value, precision=8, fractional=False, trim="-").partition(".")
    return f"{int(whole):,}{'.' + rest if rest else ''}" if whole not in ("-0", "") else f"{whole}.{rest}"


def percent(fraction: float, *, signed: bool = False) -> str:
    """A fraction in per cent with what matters of it: 0.0123 %."""
    text = np.format_float_positional(fraction * 100, precision=4, fractional=False, trim="-")
    return f"{'+' if signed and fraction > 0 else ''}{text} %"
