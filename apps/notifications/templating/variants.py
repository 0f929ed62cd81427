"""Who reads which variant, and what the readers' answers say about them. Pure: counts and a seed in, shares out."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Draws per variant: the standard error of a share is at most 0.5/√draws, here under one per cent.
DRAWS: Final = 4_000
SHARES_TOTAL: Final = 100


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a variant was delivered, and how many of those were called useful."""

    delivered: int
    useful: int


def place(name: str, reader: str, weights: Sequence[int]) -> int:
    """Which of the weighted variants of `name` this reader gets: always the same one while the weights stay.

    Uniform over readers, and independent between templates, by SHA-256. Without any weight it is the first one."""
    total = sum(weights)
    if len(weights) < 2 or total <= 0:
        return 0
    digest = hashlib.sha256(f"{name}\0{reader}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") * total >> 64
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    raise AssertionError("A point below the total lies in one of the weights.")


def shares(tried: Sequence[Tried], *, least: int, seed: int) -> list[int]:
    """Per cent for each variant, at least `least` each, 100 together: the probability that it is the best one.

    Thompson sampling (Thompson 1933) over Beta(1 + useful, 1 + rest), drawn with `seed`, so the same counts always give
    the same shares."""
    generator = random.Random(seed)
    won = [0] * len(tried)
    for _ in range(DRAWS):
        drawn = [generator.betavariate(1 + one.useful, 1 + max(0, one.delivered - one.useful)) for one in tried]
        won[drawn.index(max(drawn))] += 1
    floor = min(least, SHARES_TOTAL // len(tried))
    spare = SHARES_TOTAL - floor * len(tried)
    whole = [floor + wins * spare // DRAWS for wins in won]
    # What rounding left over goes to the best one.
    whole[won.index(max(won))] += SHARES_TOTAL - sum(whole)
    return whole
