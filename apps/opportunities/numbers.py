"""Numbers that operators may change while everything runs."""

from decimal import Decimal

from apps.core import config
from apps.opportunities.enums import Focus

# Part of a mixed list that is arbitrage, by the reader's focus.
ARBITRAGE_SHARES = {Focus.ARBITRAGE: 0.8, Focus.HYBRID: 0.5, Focus.TECHNICAL: 0.2}


def declare_numbers() -> None:
    """Make the numbers runtime settings."""
    config.declare(
        "opportunities.leverage",
        Decimal,
        Decimal(3),
        min=Decimal(1),
        max=Decimal(125),
        help="Leverage at which the liquidation of perpetual legs and the return on capital are told.",
    )
    config.declare(
        "opportunities.participant_notional",
        Decimal,
        None,
        min=Decimal(1),
        nullable=True,
        help="Dollars with which each person is counted who is told of an opportunity: no more are told than its "
        "optimal size has room for. Empty: no limit.",
    )
    config.declare(
        "opportunities.rules_per_user",
        int,
        10,
        min=0,
        max=100,
        help="Rules of technical signals that one person may have.",
    )
    for focus, share in ARBITRAGE_SHARES.items():
        config.declare(
            f"opportunities.arbitrage_share.{focus}",
            float,
            share,
            min=0.0,
            max=1.0,
            help="Part of a list mixed for this focus that is arbitrage; the rest is technical.",
        )
