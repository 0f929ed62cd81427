"""The market that the sandbox of the tests plays, known beforehand, and how its adapters are asked about it."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from apps.core import loop
from apps.markets.enums import SnapshotKind
from sandbox.market.board import Board
from sandbox.market.world import World

T = TypeVar("T")

WORLD = World(7)
SPOT, SWAP = SnapshotKind.SPOT, SnapshotKind.SWAP


def board_of(name: str, kind: SnapshotKind) -> Board:
    """What an exchange lists on spot, else as perpetuals."""
    return WORLD.board(name, is_swap=kind is not SPOT)


def asked(question: Coroutine[Any, Any, T]) -> T:
    """The answer to a question of an adapter."""
    return loop.run(question, timeout=20)


def within_a_tick(question: Callable[[], T]) -> tuple[T, float]:
    """An answer that began and ended in one tick, and that tick."""
    while True:
        at = World.tick(time.time())
        answer = question()
        if World.tick(time.time()) == at:
            return answer, at
