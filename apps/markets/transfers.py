"""Can a currency be moved from one exchange to another? A pure decision on what both say of their networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.markets.enums import Gate
from apps.markets.exchanges.transfers import EVERY_NETWORK


@dataclass(frozen=True, slots=True)
class Way:
    """One network at one end: whether it lets the currency through in our direction; fee and least amount of a
    withdrawal (None: not told). `EVERY_NETWORK` stands for all of them."""

    network: str
    gate: Gate
    fee: Decimal | None = None
    least: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The state of the whole route, the way out where it is open, and the reason in words."""

    state: Gate
    reason: str
    way: Way | None = None


def route_choose(out: Sequence[Way], into: Sequence[Way]) -> Choice:
    """The cheapest common network that is open at both ends.

    Closed only where that is sure: one end lets nothing through at all, or every network has a closed end. What one
    exchange calls otherwise than the other, or tells for all networks at once, leaves the route unknown."""
    if not out or not into:
        return Choice(Gate.UNKNOWN, "nothing is told of its networks")
    if _is_shut(out):
        return Choice(Gate.CLOSED, "withdrawals are closed")
    if _is_shut(into):
        return Choice(Gate.CLOSED, "deposits are closed")
    there = {way.network: way.gate for way in into}
    common = [way for way in out if way.network in there and way.network != EVERY_NETWORK]
    opened = [way for way in common if way.gate is there[way.network] is Gate.OPEN]
    if opened:
        return Choice(Gate.OPEN, "", min(opened, key=_cost))
    if any(Gate.CLOSED not in (way.gate, there[way.network]) for way in common):
        return Choice(Gate.UNKNOWN, "the state of a common network is not told")
    leave, arrive = _usable(out), _usable(into)
    if EVERY_NETWORK in leave | arrive:
        return Choice(Gate.UNKNOWN, "the state of single networks is not told")
    if leave - there.keys() and arrive - {way.network for way in out}:
        return Choice(Gate.UNKNOWN, "the exchanges call their open networks by different names")
    return Choice(Gate.CLOSED, "every common network is closed at one end")


def _is_shut(ways: Sequence[Way]) -> bool:
    return all(way.gate is Gate.CLOSED for way in ways)


def _usable(ways: Sequence[Way]) -> set[str]:
    return {way.network for way in ways if way.gate is not Gate.CLOSED}


def _cost(way: Way) -> tuple[bool, Decimal, str]:
    """By fee, unknown ones last; by name where nothing tells two apart."""
    return way.fee is None, way.fee or Decimal(0), way.network
