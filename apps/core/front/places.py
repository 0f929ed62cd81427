"""How many streams a person holds open at once, over all processes. A place is held for half a minute at a time, so
that a process that dies gives its places back."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from apps.core import redis
from apps.core.scripts import Script

MOST: Final = 5
HELD_MS: Final = 30_000
RENEW_S: Final = 10.0
_TAKE = Script.beside(__file__, "places.lua")


def place_take(user_id: UUID, place: str) -> bool:
    """Whether there was one, or it was held already. Raises redis.Error when Redis is away."""
    return bool(_TAKE.run([_key(user_id)], place, MOST, HELD_MS))


def places_renew(held: Iterable[tuple[UUID, str]]) -> None:
    """Hold them on. Raises redis.Error when Redis is away."""
    for user_id, place in held:
        place_take(user_id, place)


def place_leave(user_id: UUID, place: str) -> None:
    """Give it back. Raises redis.Error when Redis is away: then it is free by itself in a while."""
    redis.state().zrem(_key(user_id), place)


def _key(user_id: UUID) -> str:
    return f"arbedge:streams:{user_id}"
