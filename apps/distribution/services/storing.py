"""The messages owed and the decisions, together or not at all; what another run did meanwhile is seen here."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.core import config
from apps.core.rows import rows_insert
from apps.distribution import selectors
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution
from apps.distribution.services.charts import bundle_of
from apps.distribution.types import Decision, Meeting
from apps.notifications.enums import Priority
from apps.notifications.selectors import notification_ids_by_key
from apps.notifications.services import notifications_create
from apps.notifications.types import NotificationDraft
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.selectors import kind_families, opportunity_alert
from apps.opportunities.services import seen_admit
from apps.opportunities.types import Family, Sight

# A signal promises no edge: it is told in other words.
TEMPLATES: Final[Mapping[Family, str]] = {"arbitrage": "opportunity", "technical": "signal"}
# Any number of our own; whoever holds this lock of PostgreSQL's writes decisions alone.
_TURN: Final = 0x617262646973

_FIELDS: Final = (
    "user_id", "recipient_id", "group_id", "opportunity_id", "fingerprint", "kind", "state", "reason", "due_at",
    "decided_at", "notification_id",
)  # fmt: skip

# What messages say about an opportunity, looked up once a run; None where it is gone.
Facts = dict[UUID, dict[str, object] | None]


def store(meetings: Sequence[Meeting], facts: Facts, *, now: datetime) -> list[Meeting]:
    """Write the decisions with their messages; answers them as they were written.

    Run as often as one likes and side by side: who was told meanwhile is left out, who would be one too many is
    refused. `facts` grows by what was not yet looked up in this run."""
    with transaction.atomic():
        _take_turn()
        settled = _settled(meetings, now)
        told = [one for one in settled if one.decision.state == DistributionState.NOTIFIED]
        drafts = _drafts(told, facts, now)
        made = notifications_create(drafts=drafts, now=now)
        ids = {row.dedupe_key: row.pk for row in made}
        # A message made earlier for the same pair is found by its key.
        if missing := [draft.dedupe_key for draft in drafts if draft.dedupe_key not in ids]:
            ids |= notification_ids_by_key(missing)
        rows_insert(
            Distribution,
            _FIELDS,
            [
                (
                    one.recipient.user_id,
                    one.recipient.id,
                    one.recipient.group_id,
                    one.opportunity.id,
                    one.opportunity.fingerprint,
                    one.opportunity.kind,
                    one.decision.state,
                    one.decision.reason or "",
                    one.due_at,
                    now,
                    ids.get(_dedupe_key(one)),
                )
                for one in settled
            ],
            unique=("recipient_id", "opportunity_id"),
            update=("state", "reason", "due_at", "decided_at", "notification"),
        )
    return settled


def _take_turn() -> None:
    """Keep other runs from writing until the transaction ends. SQLite's writers wait for each other anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])


def _settled(meetings: Sequence[Meeting], now: datetime) -> list[Meeting]:
    """The decisions as they hold now that nobody else is writing any."""
    stands = selectors.decisions_standing([(one.recipient.id, one.opportunity.id) for one in meetings])
    open_ones = [one for one in meetings if (one.recipient.id, one.opportunity.id) not in stands]
    return _within_group_quotas(_within_quotas(_within_places(open_ones), now), now)


def _within_places(meetings: Sequence[Meeting]) -> list[Meeting]:
    limited = {one.opportunity.id for one in meetings if one.opportunity.max_participants is not None}
    taken = selectors.participants_of(limited) if limited else Counter[UUID]()
    settled = []
    for one in meetings:
        limit, told = one.opportunity.max_participants, one.decision.state == DistributionState.NOTIFIED
        if told and limit is not None:
            if taken[one.opportunity.id] >= limit:
                one = _refused(one, Reason.NO_PLACE_LEFT)
            else:
                taken[one.opportunity.id] += 1
        settled.append(one)
    return settled


def _within_quotas(meetings: Sequence[Meeting], now: datetime) -> list[Meeting]:
    """What somebody is told counts as seen; a list that they have opened meanwhile may have used up their day."""
    sights = {
        (one.recipient.id, one.opportunity.id): Sight(one.recipient.id, one.opportunity.id, one.family, one.daily)
        for one in meetings
        if one.decision.state == DistributionState.NOTIFIED and one.recipient.group_id is None and one.daily is not None
    }
    admitted = seen_admit(sights=list(sights.values()), now=now)
    return [
        _refused(one, Reason.DAILY_QUOTA)
        if (pair := (one.recipient.id, one.opportunity.id)) in sights and pair not in admitted
        else one
        for one in meetings
    ]


def _within_group_quotas(meetings: Sequence[Meeting], now: datetime) -> list[Meeting]:
    """Nobody but distribution shows a group anything, so its day is what it was given."""
    limited = {
        id(one)
        for one in meetings
        if one.decision.state == DistributionState.NOTIFIED
        and one.recipient.group_id is not None
        and one.daily is not None
    }
    if not limited:
        return list(meetings)
    families = kind_families()
    given: Counter[tuple[UUID, str]] = Counter()
    for (recipient_id, kind), n in selectors.given_today(now=now).items():
        given[recipient_id, families[kind]] += n
    settled = []
    for one in meetings:
        if id(one) in limited:
            of_family = (one.recipient.id, one.family)
            if one.daily is not None and given[of_family] >= one.daily:
                one = _refused(one, Reason.DAILY_QUOTA)
            else:
                given[of_family] += 1
        settled.append(one)
    return settled


def _refused(meeting: Meeting, reason: Reason) -> Meeting:
    return replace(meeting, decision=Decision(DistributionState.REFUSED, reason))


def _drafts(told: Sequence[Meeting], facts: Facts, now: datetime) -> list[NotificationDraft]:
    """What is owed to those who are told."""
    ttl = timedelta(seconds=config.get("distribution.message_ttl_s"))
    for one in told:
        if one.opportunity.id not in facts:
            facts[one.opportunity.id] = _facts(one.opportunity.id)
    return [
        NotificationDraft(
            user_id=one.recipient.user_id,
            template=TEMPLATES[one.family],
            context=context,
            priority=Priority.HIGH,
            dedupe_key=_dedupe_key(one),
            bundle=bundle_of(one.opportunity.id),
            expires_at=min(one.opportunity.expires_at, now + ttl),
            endpoint_id=one.recipient.endpoint_id,
        )
        for one in told
        if (context := facts[one.opportunity.id]) is not None
    ]


def _facts(opportunity_id: UUID) -> dict[str, object] | None:
    try:
        return dict(opportunity_alert(opportunity_id))
    except OpportunityNotFound:
        # Deleted between two queries; its decisions stand without a message.
        return None


def _dedupe_key(one: Meeting) -> str:
    return message_key(one.opportunity.id, one.recipient.id)


def message_key(opportunity_id: UUID | str, recipient_id: UUID) -> str:
    """Under what a recipient (a person, or a group by its endpoint) is told of an opportunity, once."""
    return f"opportunity:{opportunity_id}:{recipient_id}"
