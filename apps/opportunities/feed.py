"""Opportunities in event streams: what the list would show to each listener, told once, when it may first be told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

import orjson
from django.db.models import Q
from rest_framework.renderers import JSONRenderer

from apps.accounts.selectors import policy_of, users_active
from apps.accounts.types import TierPolicy
from apps.core.front.events import Listener, StreamEvent
from apps.opportunities.enums import Context, OpportunityStatus
from apps.opportunities.models import Opportunity, Preferences, Seen, price_disbelieved
from apps.opportunities.selectors import day_of, is_personal, kind_families, preferences_of_many
from apps.opportunities.services import seen_admit
from apps.opportunities.types import Sight
from apps.opportunities.wishes import Wish, wish_of

# Of a longer absence only so much is told; the list has all that is still true.
ROWS_MAX = 1000
BEGUN, ENDED = "opportunity", "opportunity_ended"


@dataclass(frozen=True, slots=True)
class _Reader:
    user_id: UUID
    policy: TierPolicy
    preferences: Preferences
    wish: Wish

    @property
    def delay(self) -> timedelta:
        return timedelta(seconds=self.policy.delay_s)

    def wants(self, row: Opportunity) -> bool:
        """Whether it would be in their list, whatever the hour."""
        theirs = row.context == Context.GLOBAL or row.owner_id == self.user_id
        wishes = self.preferences
        elsewhere = wishes.own_exchanges_only and wishes.own_exchanges and not is_personal(row, wishes)
        return theirs and not elsewhere and self.wish(row)


class OpportunityFeed:
    """A source of streams."""

    topic = "opportunities"

    def events(self, listeners: Sequence[Listener], *, until: datetime) -> Iterator[tuple[Listener, StreamEvent]]:
        """What became visible to each, and what of it ended. Eight queries at most."""
        readers = _readers({one.user_id for one in listeners})
        listeners = [one for one in listeners if one.user_id in readers]
        if not listeners:
            return
        yield from _begun(listeners, readers, until)
        yield from _ended(listeners, readers, until)


def _readers(ids: set[UUID]) -> dict[UUID, _Reader]:
    wishes, policy = preferences_of_many(ids), cache(policy_of)
    readers = {}
    for user_id, tier, role in users_active(ids=ids).order_by().values_list("pk", "tier", "role"):
        preferences = wishes.get(user_id) or Preferences(user_id=user_id)
        readers[user_id] = _Reader(user_id, policy(tier, role), preferences, wish_of(preferences))
    return readers


def _begun(
    listeners: Sequence[Listener], readers: dict[UUID, _Reader], until: datetime
) -> Iterator[tuple[Listener, StreamEvent]]:
    oldest = min(one.since - readers[one.user_id].delay for one in listeners)
    newest = until - min(readers[one.user_id].delay for one in listeners)
    rows = (
        Opportunity.objects.filter(
            ~price_disbelieved(until),
            Q(context=Context.GLOBAL) | Q(owner__in={one.user_id for one in listeners}),
            status=OpportunityStatus.ACTIVE,
            activated_at__gt=oldest,
            activated_at__lte=newest,
            expires_at__gt=until,
        )
        .defer("details", "evidence")
        .order_by("-activated_at")[:ROWS_MAX]
    )
    due: list[tuple[Listener, Opportunity, StreamEvent]] = []
    said = cache(_said)
    for row in rows:
        assert row.activated_at is not None
        for one in listeners:
            reader = readers[one.user_id]
            at = row.activated_at + reader.delay
            event = StreamEvent(at, BEGUN, str(row.pk), None)
            if one.since < at <= until and not one.has(event.key) and reader.wants(row):
                due.append((one, row, event))
    families = kind_families()
    limits = {id: reader.policy.daily for id, reader in readers.items()}
    sights: dict[tuple[UUID, UUID], Sight] = {}
    for one, row, _ in reversed(due):
        family = families[row.kind]
        daily = limits[one.user_id][family]
        if daily is not None:
            sights[one.user_id, row.pk] = Sight(one.user_id, row.pk, family, daily)
    may = seen_admit(sights=list(sights.values()), now=until)
    for one, row, event in due:
        if (one.user_id, row.pk) in sights and (one.user_id, row.pk) not in may:
            # Their day is used up: they are not told, and it is not asked again.
            yield one, event
        else:
            personal = is_personal(row, readers[one.user_id].preferences)
            yield one, StreamEvent(event.at, event.name, event.id, said(row, personal))


def _ended(
    listeners: Sequence[Listener], readers: dict[UUID, _Reader], until: datetime
) -> Iterator[tuple[Listener, StreamEvent]]:
    over = list(
        Opportunity.objects.filter(
            closed_at__gt=min(one.since for one in listeners), closed_at__lte=until, activated_at__isnull=False
        )
        .defer("details", "evidence")
        .order_by("-closed_at")[:ROWS_MAX]
    )
    if not over:
        return
    days = {day_of(until), day_of(until - timedelta(days=1))}
    limited = [id for id, one in readers.items() if any(limit is not None for limit in one.policy.daily.values())]
    looks = Seen.objects.filter(user_id__in=limited, day__in=days, opportunity_id__in=[row.pk for row in over])
    seen = set(looks.order_by().values_list("user_id", "opportunity_id")) if limited else set()
    families = kind_families()
    for row in over:
        assert row.activated_at is not None and row.closed_at is not None
        data = orjson.dumps({"id": str(row.pk), "status": row.status, "reason": row.reason, "closed_at": row.closed_at})
        for one in listeners:
            reader = readers[one.user_id]
            shown = row.activated_at + reader.delay <= row.closed_at and one.since < row.closed_at
            free = reader.policy.daily[families[row.kind]] is None or (one.user_id, row.pk) in seen
            event = StreamEvent(row.closed_at, ENDED, str(row.pk), data)
            if shown and free and not one.has(event.key) and reader.wants(row):
                yield one, event


def _said(row: Opportunity, personal: bool) -> bytes:
    """The row of the list, as one line."""
    # Serializers come with the first event: nothing but the web needs them.
    from apps.opportunities.api.serializers import OpportunitySerializer

    class _Serializer(OpportunitySerializer):
        def get_personal(self, opportunity: Opportunity) -> bool:
            return personal

    return JSONRenderer().render(_Serializer(row).data)
