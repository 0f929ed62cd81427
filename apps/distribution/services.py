"""Distribution: every active opportunity meets every active user, and each meeting ends in a recorded decision."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction

from apps.accounts.enums import Tier
from apps.accounts.selectors import user_policy, users_active
from apps.core import config
from apps.distribution import selectors
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution
from apps.distribution.rules import decide, rules_of
from apps.distribution.types import Active, Candidate, Decision, Person, RunReport
from apps.notifications.enums import Priority
from apps.notifications.selectors import notification_ids_by_key, users_reachable
from apps.notifications.services import notifications_create
from apps.notifications.types import NotificationDraft
from apps.opportunities.exceptions import OpportunityNotFound
from apps.opportunities.selectors import kind_families, opportunities_active, opportunity_alert
from apps.opportunities.types import Family

logger = logging.getLogger(__name__)

TEMPLATE = "opportunity"
# Rows and messages of so many decisions are committed together: short for other writers, few for the disk.
CHUNK = 200
# How far back fairness looks; whoever was served before that counts as never served.
SERVED_SINCE = timedelta(days=7)
_NEVER = datetime.min.replace(tzinfo=UTC)
# Decisions that stand. A refusal is looked at again each run, as its reason may pass, but stored only if it changed.
_FINAL = (DistributionState.NOTIFIED, DistributionState.DROPPED)


# What messages say about an opportunity, looked up once a run; None where it is gone.
Facts = dict[UUID, dict[str, object] | None]


@dataclass(frozen=True, slots=True)
class Meeting:
    """A decision that has to be stored."""

    person: Person
    opportunity: Active
    due_at: datetime
    decision: Decision


def run(*, now: datetime) -> RunReport:
    """Decide about everything that is active at `now`; queries are per run and chunk, never per pair."""
    opportunities = _active(now)
    dropped = _drop_ended([one.id for one in opportunities], now)
    counts: Counter[str] = Counter({DistributionState.DROPPED: dropped})
    meetings = _meetings(opportunities, now) if opportunities else iter(())
    facts: Facts = {}
    while chunk := list(islice(meetings, CHUNK)):
        _store(chunk, facts, now)
        counts.update(one.decision.state for one in chunk)
    report = RunReport(**{state.value: counts[state] for state in DistributionState})
    if report.notified or report.dropped:
        logger.info("distribution: %d told, %d later, %d refused, %d dropped", *_figures(report))
    return report


def _figures(report: RunReport) -> tuple[int, int, int, int]:
    return report.notified, report.scheduled, report.refused, report.dropped


def _drop_ended(active_ids: Sequence[UUID], now: datetime) -> int:
    """Scheduled decisions whose time has come, about opportunities that are over."""
    due = Distribution.objects.filter(state=DistributionState.SCHEDULED, due_at__lte=now)
    return due.exclude(opportunity_id__in=active_ids).update(
        state=DistributionState.DROPPED, reason=Reason.NO_LONGER_ACTIVE, decided_at=now
    )


def _active(now: datetime) -> list[Active]:
    fields = ("pk", "fingerprint", "kind", "net_edge", "activated_at", "expires_at")
    rows = opportunities_active().filter(expires_at__gt=now, activated_at__lte=now)
    return [Active(*row) for row in rows.values_list(*fields)]


def _people(now: datetime) -> list[Person]:
    """Active users in the order of serving: higher tiers first, in a tier whoever was served longest ago."""
    served = selectors.served_last(since=now - SERVED_SINCE)
    people = [Person(user.pk, Tier(user.tier).rank, user_policy(user)) for user in users_active()]
    return sorted(people, key=lambda one: (-one.rank, served.get(one.id, _NEVER), one.id))


def _meetings(opportunities: Sequence[Active], now: datetime) -> Iterator[Meeting]:
    """The decisions that are new or have changed, in the order in which people are served."""
    known = selectors.decisions_of([one.id for one in opportunities])
    people = _people(now)
    reachable = users_reachable(user_ids=[person.id for person in people])
    policies = {person.policy.name: person.policy for person in people}
    families = kind_families()
    rules = {
        (name, family): rules_of(policy, family)
        for name, policy in policies.items()
        for family in set(families.values())
    }
    cooldown_s = max((one.cooldown_s for one in rules.values()), default=0)
    last = selectors.given_last({one.fingerprint for one in opportunities}, since=now - timedelta(seconds=cooldown_s))
    today = _by_family(selectors.given_today(now=now), families)
    for person in people:
        this_cycle = 0
        for one in opportunities:
            stored = known.get((person.id, one.id))
            if stored is not None and stored.state in _FINAL:
                continue
            family = families[one.kind]
            mine = rules[person.policy.name, family]
            candidate = Candidate(
                reachable=person.id in reachable,
                net_edge=one.net_edge,
                due_at=one.activated_at + timedelta(seconds=mine.delay_s),
                last_given_at=last.get((person.id, one.fingerprint)),
                given_today=today[person.id, family],
                given_this_cycle=this_cycle,
            )
            decision = decide(candidate, mine, now=now)
            if decision.state == DistributionState.NOTIFIED:
                this_cycle += 1
                today[person.id, family] += 1
                last[person.id, one.fingerprint] = now
            if stored is None or (stored.state, stored.reason) != (decision.state, decision.reason or ""):
                yield Meeting(person, one, candidate.due_at, decision)


def _by_family(by_kind: dict[tuple[UUID, str], int], families: Mapping[str, Family]) -> Counter[tuple[UUID, Family]]:
    counts: Counter[tuple[UUID, Family]] = Counter()
    for (user_id, kind), given in by_kind.items():
        counts[user_id, families[kind]] += given
    return counts


def _store(meetings: Sequence[Meeting], facts: Facts, now: datetime) -> None:
    """The messages owed and the decisions, together or not at all."""
    told = [one for one in meetings if one.decision.state == DistributionState.NOTIFIED]
    with transaction.atomic():
        drafts = _drafts(told, facts, now)
        notifications_create(drafts=drafts, now=now)
        # Asked for by key, so that a message made earlier for the same pair is found as well.
        ids = notification_ids_by_key([draft.dedupe_key for draft in drafts]) if drafts else {}
        Distribution.objects.bulk_create(
            [
                Distribution(
                    user_id=one.person.id,
                    opportunity_id=one.opportunity.id,
                    fingerprint=one.opportunity.fingerprint,
                    kind=one.opportunity.kind,
                    state=one.decision.state,
                    reason=one.decision.reason or "",
                    due_at=one.due_at,
                    decided_at=now,
                    notification_id=ids.get(_dedupe_key(one)),
                )
                for one in meetings
            ],
            update_conflicts=True,
            unique_fields=["user", "opportunity_id"],
            update_fields=["state", "reason", "due_at", "decided_at", "notification"],
        )


def _drafts(told: Sequence[Meeting], facts: Facts, now: datetime) -> list[NotificationDraft]:
    """What is owed to those who are told; `facts` grows by what was not yet looked up in this run."""
    ttl = timedelta(seconds=config.get("distribution.message_ttl_s"))
    for one in told:
        if one.opportunity.id not in facts:
            facts[one.opportunity.id] = _facts(one.opportunity.id)
    return [
        NotificationDraft(
            user_id=one.person.id,
            template=TEMPLATE,
            context=context,
            priority=Priority.HIGH,
            dedupe_key=_dedupe_key(one),
            expires_at=min(one.opportunity.expires_at, now + ttl),
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
    return f"opportunity:{one.opportunity.id}:{one.person.id}"
