"""What the front repeats and streams, and whom it asks about callers: the one place where the rooms meet it."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from django.db import close_old_connections

from apps.accounts.pace import requests_per_minute
from apps.accounts.scopes import scope_needed
from apps.accounts.selectors import tokens_standing, users_active
from apps.accounts.selectors.sessions import sessions_standing
from apps.accounts.services import tokens_touch
from apps.core import clock
from apps.core.front.events import Opening
from apps.core.front.standings import BELIEVED_S, Facts
from apps.core.front.streams import Streams
from apps.notifications.feed import NotificationFeed
from apps.opportunities.audience import audiences
from apps.opportunities.feed import OpportunityFeed

OPPORTUNITIES: Final = "/api/v1/opportunities"
ROUTES: Final = (OPPORTUNITIES,)
# For making anew what is repeated, beside `WEB_THREADS`.
REPEAT_THREADS: Final = 2
_READING: Final = scope_needed("GET", OPPORTUNITIES)
_TOKEN, _SESSION = "ApiToken", "AccountSession"


def callers(digests: Collection[str]) -> Mapping[str, Facts]:
    """Who stands behind these API tokens; those that open nothing are missing. Five queries, however many."""
    real, now = clock.wall_now(), clock.now()
    # The first use of a day is written into the audit's chain: that request is Django's.
    today = real.date()
    tokens = [
        one for one in tokens_standing(digests, now=real) if one.last_used_at and one.last_used_at.date() == today
    ]
    listed = audiences({(one.user_id, one.level) for one in tokens}, now=now)
    # What was seen counts by the day, so nothing that depends on it outlives midnight.
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    day_left = (midnight - now).total_seconds()
    return {
        one.digest: Facts(
            key=str(one.user_id),
            requests=requests_per_minute(one.tier, one.role),
            audiences={OPPORTUNITIES: listed[one.user_id, one.level]} if _READING in one.scopes else {},
            holds_s=min(
                BELIEVED_S, day_left, (one.expires_at - real).total_seconds() if one.expires_at else BELIEVED_S
            ),
        )
        for one in tokens
    }


def touch(digests: Collection[str]) -> None:
    """Write down that these tokens are in use. A query and two writes, however many."""
    real = clock.wall_now()
    tokens_touch(tokens_standing(digests, now=real), now=real)


def streams() -> Streams:
    """Every room's news."""
    return Streams([OpportunityFeed(), NotificationFeed()], standing=standing, close_thread=close_old_connections)


def standing(openings: Collection[Opening]) -> list[Opening]:
    """Those whose token or session still works, or whose account does where there is neither. Three queries, however
    many."""
    real = clock.wall_now()
    shown: dict[str, list[str]] = {_TOKEN: [], _SESSION: []}
    for one in openings:
        if one.credential is not None:
            shown[one.credential[0]].append(one.credential[1])
    working = {(_TOKEN, one.digest) for one in tokens_standing(shown[_TOKEN], now=real)}
    working |= {(_SESSION, digest) for digest in sessions_standing(shown[_SESSION], now=real)}
    bare = {one.user_id for one in openings if one.credential is None}
    active = set(users_active(ids=bare).values_list("pk", flat=True))
    return [one for one in openings if (one.credential in working if one.credential else one.user_id in active)]
