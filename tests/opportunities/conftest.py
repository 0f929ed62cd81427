"""Worlds to detect and price in."""

from collections.abc import Callable, Iterator

import pytest
import time_machine

from tests.opportunities.factories import Listing
from tests.opportunities.world import STARTED, World, listen, stop_listening, world_of

CHEAP = Listing("aaa", 99.9, 100.0)
DEAR = Listing("bbb", 101.0, 101.1)
LOW = Listing("aaa", 99.99, 100.01, swap=True, fee=0.0005)
HIGH = Listing("bbb", 99.99, 100.01, swap=True, fee=0.0005, rate=0.0021)

Build = Callable[..., World]


@pytest.fixture
def build(transactional_db: None, redis_state: None, settings: pytest.FixtureRequest) -> Iterator[Build]:
    """Makes the world of some listings, at `STARTED`; transactions really commit, so events are published."""
    worlds: list[World] = []
    with time_machine.travel(STARTED, tick=False) as traveller:

        def make(*listings: Listing) -> World:
            world = world_of(listings, traveller, settings)
            worlds.append(world)
            listen(world)
            return world

        yield make
        for world in worlds:
            stop_listening(world)


@pytest.fixture
def gap(build: Build) -> World:
    """A spot price gap of about 0.8 % net: bought on aaa, sold on bbb."""
    return build(CHEAP, DEAR)


@pytest.fixture
def funding_gap(build: Build) -> World:
    """A funding difference of 0.36 % net in 24 h: long on aaa, short on bbb."""
    return build(LOW, HIGH)
