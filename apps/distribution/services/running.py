"""A run: every active opportunity meets everybody who may be told, and each meeting ends in a recorded decision."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from apps.core import config
from apps.distribution import selectors
from apps.distribution.enums import DistributionState, Reason
from apps.distribution.models import Distribution
from apps.distribution.ordering import REMEMBERED, in_line
from apps.distribution.rules import decide, rules_of
from apps.distribution.services.recipients import recipients, wanted_by
from apps.distribution.services.storing import Facts, store
from apps.distribution.types import Active, Candidate, Meeting, Recipient, RunReport, Standing
from apps.notifications.selectors import endpoints_in_use, users_reachable
from apps.opportunities.enums import Context
from apps.opportunities.selectors import (
    kind_families,
    opportunities_active,
    opportunities_elsewhere,
    opportunities_unwanted,
    seen_by_all,
    signals_wanted,
)
from apps.opportunities.types import Family

logger = logging.getLogger(__name__)

# Rows and messages of so many decisions are committed together: short for other writers, few for the disk.
CHUNK = 1000
# Decisions that stand. A refusal is looked at again each run, as its reason may pass, but stored only if it changed.
_FINAL = (DistributionState.NOTIFIED, DistributionState.DROPPED)


def run(*, now: datetime) -> RunReport:
    """Decide about everything that is active at `now`; queries are per run and chunk, never per pair.

    Two runs at once tell nobody twice and exceed no limit between them."""
    opportunities = _active(now)
    dropped = _drop_ended([one.id for one in opportunities], now)
    counts: Counter[str] = Counter({DistributionState.DROPPED: dropped})
    meetings = _meetings(opportunities, now) if opportunities else iter(())
    facts: Facts = {}
    while chunk := list(islice(meetings, CHUNK)):
        counts.update(one.decision.state for one in store(chunk, facts, now=now))
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
    """For everybody or for their owner, the best first."""
    fields = (
        "pk", "fingerprint", "kind", "net_edge", "strength", "activated_at", "expires_at", "max_participants", "owner",
    )  # fmt: skip
    rows = opportunities_active().filter(expires_at__gt=now, activated_at__lte=now)
    return [Active(*row) for row in rows.exclude(context=Context.GROUP).values_list(*fields)]


class _Line:
    """Who is served in which order, as it changes while they are served."""

    def __init__(self, everybody: Sequence[Recipient], now: datetime) -> None:
        self._strategy, self._now = config.get("distribution.strategy"), now
        self._standings = selectors.standings(since=now - REMEMBERED)
        self._everybody = everybody
        self._order = self._ordered()
        self._stale = False

    def standing(self, recipient: Recipient) -> Standing:
        """Where they stand now."""
        return self._standings.get(recipient.id, Standing())

    def order(self, one: Active) -> Sequence[Recipient]:
        """Whom to ask about it. Who has just been served goes back where there are few places; else nobody loses."""
        if one.owner_id is not None:
            return [person for person in self._everybody if person.id == one.owner_id]
        if self._stale and one.max_participants is not None:
            self._order, self._stale = self._ordered(), False
        return self._order

    def served(self, recipient: Recipient) -> None:
        """They have just been given one."""
        before = self.standing(recipient)
        self._standings[recipient.id] = Standing(self._now, before.times + 1, before.this_run + 1)
        self._stale = True

    def _ordered(self) -> list[Recipient]:
        return in_line(self._everybody, self._standings, self._strategy, now=self._now)


def _meetings(opportunities: Sequence[Active], now: datetime) -> Iterator[Meeting]:
    """The decisions that are new or have changed: the best opportunity first, each to whoever is next in line."""
    ids = [one.id for one in opportunities]
    known = selectors.decisions_of(ids)
    groups = selectors.groups_told()
    everybody = recipients(groups)
    line = _Line(everybody, now)
    reachable = users_reachable()
    reachable |= endpoints_in_use([group.endpoint_id for group in groups])
    families = kind_families()
    policies = {one.policy.name: one.policy for one in everybody}
    rules = {
        (name, family): rules_of(policy, family)
        for name, policy in policies.items()
        for family in set(families.values())
    }
    cooldown_s = max((one.cooldown_s for one in rules.values()), default=0)
    last = selectors.given_last({one.fingerprint for one in opportunities}, since=now - timedelta(seconds=cooldown_s))
    unwanted = opportunities_unwanted(ids)
    unwanted |= {(group.endpoint_id, one.id) for group in groups for one in opportunities if not wanted_by(group, one)}
    elsewhere = opportunities_elsewhere(ids)
    # Groups say what they want by themselves; people get signals of the house once they have asked for some.
    signalled = signals_wanted() | {group.endpoint_id for group in groups}
    places = _places(opportunities)
    sights = seen_by_all(now=now)
    seen = {(user_id, opportunity_id) for user_id, _, opportunity_id in sights}
    today = Counter((user_id, family) for user_id, family, _ in sights)
    today.update(_by_family(selectors.given_today(now=now), families))
    for one in opportunities:
        family = families[one.kind]
        for recipient in line.order(one):
            pair = (recipient.id, one.id)
            stored = known.get(pair)
            if stored is not None and stored.state in _FINAL:
                continue
            mine = rules[recipient.policy.name, family]
            candidate = Candidate(
                active_at=recipient.active_at,
                reachable=recipient.id in reachable,
                seen_today=pair in seen,
                given_today=today[recipient.id, family],
                wanted=pair not in unwanted
                and (family != "technical" or one.owner_id is not None or recipient.id in signalled),
                on_own_exchanges=pair not in elsewhere,
                net_edge=one.net_edge,
                strength=one.strength,
                last_given_at=last.get((recipient.id, one.fingerprint)),
                due_at=one.activated_at + timedelta(seconds=mine.delay_s),
                given_this_cycle=line.standing(recipient).this_run,
                is_group=recipient.group_id is not None,
                places_left=places.get(one.id),
            )
            decision = decide(candidate, mine, now=now)
            if decision.state == DistributionState.NOTIFIED:
                line.served(recipient)
                if one.id in places:
                    places[one.id] -= 1
                if pair not in seen:
                    seen.add(pair)
                    today[recipient.id, family] += 1
                last[recipient.id, one.fingerprint] = now
            if stored is None or (stored.state, stored.reason) != (decision.state, decision.reason or ""):
                yield Meeting(recipient, one, family, candidate.due_at, decision, mine.daily)


def _places(opportunities: Sequence[Active]) -> dict[UUID, int]:
    """How many more people each opportunity that has a limit may be given to."""
    limits = {one.id: one.max_participants for one in opportunities if one.max_participants is not None}
    given = selectors.participants_of(limits) if limits else Counter[UUID]()
    return {id: limit - given[id] for id, limit in limits.items()}


def _by_family(by_kind: dict[tuple[UUID, str], int], families: Mapping[str, Family]) -> Counter[tuple[UUID, Family]]:
    counts: Counter[tuple[UUID, Family]] = Counter()
    for (recipient_id, kind), given in by_kind.items():
        counts[recipient_id, families[kind]] += given
    return counts
