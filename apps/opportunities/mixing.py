"""One list of two families: how many of each, and in which order."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def shares(size: int, share: float, arbitrage: int, technical: int) -> tuple[int, int]:
    """How many of each family `size` places hold, `share` of them for arbitrage, where there are so many of each: what
    one family can't fill goes to the other."""
    first = min(arbitrage, round(size * share))
    second = min(technical, size - first)
    return min(arbitrage, size - second), second


def interleaved(arbitrage: Sequence[T], technical: Sequence[T]) -> list[T]:
    """Both in their own order, spread evenly: every beginning of the list has about the share that all of it has."""
    total = len(arbitrage) + len(technical)
    mixed: list[T] = []
    taken = 0
    for place in range(1, total + 1):
        # Whole numbers, so that the same lists are always mixed the same way.
        if taken < len(arbitrage) and (2 * taken + 1) * total <= 2 * place * len(arbitrage):
            mixed.append(arbitrage[taken])
            taken += 1
        elif place - 1 - taken < len(technical):
            mixed.append(technical[place - 1 - taken])
        else:
            mixed.append(arbitrage[taken])
            taken += 1
    return mixed
