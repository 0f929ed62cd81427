"""What is left of an edge once the asset has been moved to where it was sold, and the proceeds back. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from apps.markets.enums import Gate
from apps.markets.types import TransferRoute

# (asset, exchange that it leaves, exchange that it goes to)
Route: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Move:
    """One transfer that puts an exchange's stock back: `units` of `asset` (an instrument or a currency) over `route`,
    each worth `price` in quote currency."""

    asset: str
    from_exchange: str
    to_exchange: str
    units: Decimal
    price: Decimal
    route: TransferRoute


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving costs: `cost` in quote currency, and as `share` of the notional; None where nobody can tell, which
    `reason` explains."""

    state: Gate
    reason: str
    cost: Decimal | None
    share: Decimal | None


def moved(moves: tuple[Move, ...], notional: Decimal) -> Moved:
    """The withdrawal fees of all moves for `notional` in quote currency.

    Closed where one way is closed. Unknown where the state or the fee of one is not known, or where less is to be moved
    than the exchange lets out."""
    for state in (Gate.CLOSED, Gate.UNKNOWN):
        for move in moves:
            if move.route.state is state:
                return Moved(state, f"{_words(move)}: {move.route.reason}", None, None)
    cost = Decimal(0)
    for move in moves:
        # An exchange may list the asset in packs: fee and least amount are in packs as well.
        fee, least = move.route.withdraw_fee, move.route.withdraw_min
        if fee is None:
            return Moved(Gate.UNKNOWN, f"{_words(move)}: the withdrawal fee is not told", None, None)
        if least is not None and move.units < least * move.route.unit:
            return Moved(Gate.UNKNOWN, f"{_words(move)}: less than can be withdrawn", None, None)
        cost += fee * move.route.unit * move.price
    return Moved(Gate.OPEN, "", cost, cost / notional)


def _words(move: Move) -> str:
    return f"{move.asset} from {move.from_exchange} to {move.to_exchange}"
