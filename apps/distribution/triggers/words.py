"""Figures as people read them."""

from decimal import Decimal

import numpy as np


def number(value: float) -> str:
    """Eight significant digits, thousands separated: 70,012.5."""
    plain = np.format_float_positional(value, precision=8, fractional=False, trim="-")
    return f"{Decimal(plain):,f}"


def percent(fraction: float) -> str:
    """A fraction in per cent with what matters of it: 0.0123 %."""
    return f"{np.format_float_positional(fraction * 100, precision=4, fractional=False, trim='-')} %"
