"""When an exchange would close a perpetual leg by force: pure formulas for linear contracts with isolated margin.

A position of entry price P with leverage L has the margin P/L per unit, and is liquidated where what is left of it is
the maintenance margin m (a fraction of its value): long at `P (1 - 1/L) / (1 - m)`, short at `P (1 + 1/L) / (1 + m)`.
Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", one position and no maintenance amount:
https://www.binance.com/en/support/faq/detail/b3c689c1f50a44cabb3a84e663b81d93
Fees and fundings that are taken from the margin meanwhile bring it nearer by what they cost.
"""

from dataclasses import dataclass
from decimal import Decimal

from apps.opportunities.enums import Side

# Exchanges close the smallest positions at half the margin that their highest leverage asks for: Binance's first
# bracket of BTCUSDT is 125 x and 0.40 % (https://www.binance.com/en/futures/trading-rules/perpetual/leverage-margin),
# Bybit's 100 x and 0.5 % (https://www.bybit.com/en/announcement-info/margin-parameters). Larger ones earlier.
MAINTENANCE_SHARE = Decimal("0.5")
# Where the exchange does not tell the highest leverage: that of thinly traded perpetuals.
ASSUMED_MAX_LEVERAGE = Decimal(20)


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One perpetual leg at `leverage`: liquidated at `price`, `distance` (a fraction of the entry price) away.

    `assumed`: the exchange does not tell its highest leverage, so the maintenance margin is that of
    `ASSUMED_MAX_LEVERAGE`."""

    leverage: Decimal
    maintenance: Decimal
    price: Decimal
    distance: Decimal
    assumed: bool


def liquidation_of(side: Side, entry: Decimal, leverage: Decimal, max_leverage: Decimal | None) -> Liquidation:
    """Where a position entered at `entry` is liquidated; `leverage` is cut to the highest that the exchange offers."""
    highest = ASSUMED_MAX_LEVERAGE if max_leverage is None else max(max_leverage, Decimal(1))
    used = min(leverage, highest)
    maintenance = MAINTENANCE_SHARE / highest
    if side is Side.BUY:
        price = entry * (1 - 1 / used) / (1 - maintenance)
    else:
        price = entry * (1 + 1 / used) / (1 + maintenance)
    return Liquidation(used, maintenance, price, abs(price / entry - 1), max_leverage is None)


def apr_on_capital(net_apr: Decimal, leverages: tuple[Decimal, Decimal]) -> Decimal:
    """`net_apr` is on one leg's notional; on the margin of both legs it is that over `1/L_A + 1/L_B`."""
    return net_apr / sum((1 / leverage for leverage in leverages), Decimal(0))
