"""Judge the rules of technical signals on every bar that has closed, open rows for the strongest, end what is over."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from apps.accounts.selectors import users_allowed
from apps.core import clock, events
from apps.markets.candles.timeframes import TIMEFRAMES
from apps.opportunities.enums import OpportunityKind, OpportunityStatus, Reason
from apps.opportunities.models import OPEN, SIGNALS, Opportunity, TechnicalRule
from apps.opportunities.services.detect import rows_open, view_now
from apps.opportunities.services.ending import opportunities_end
from apps.opportunities.services.signal_bars import (
    Bars,
    Judged,
    bars_last,
    judged_get,
    judged_put,
    newest_open_ms,
    together,
)
from apps.opportunities.services.signal_rows import SIGNAL_FIELDS, Hit, leg_update, row_fill, row_new, rule_fits
from apps.opportunities.strategies.registry import signal_get
from apps.opportunities.technical.conditions import Conditions, ConditionsInvalid, conditions_parse
from apps.opportunities.technical.operands import CLOSE
from apps.opportunities.technical.readings import CONTEXT
from apps.opportunities.types import OpportunitiesActive
from apps.opportunities.view import MarketView, dollar_rates

logger = logging.getLogger(__name__)

# A market that falls as a whole fulfils a rule everywhere: only so many of the strongest are open at a time.
OPEN_PER_RULE = 10

# (rule, market)
Place: TypeAlias = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """An enabled rule with its conditions."""

    row: TechnicalRule
    conditions: Conditions

    def is_on(self, exchange: str) -> bool:
        """Whether it looks at this exchange."""
        return not self.row.exchanges or exchange in self.row.exchanges

    def is_due(self, judged: Judged, rules_ms: int, now: datetime) -> bool:
        """Whether a rule or one of its bars is newer than what was judged."""
        stale = (judged.bar(timeframe) < newest_open_ms(timeframe, now) for timeframe in self.conditions.timeframes)
        return judged.rules_ms != rules_ms or any(stale)


@dataclass(slots=True)
class Judgement:
    """What a run found: `hits` hold; `looked_at` are the rules and exchanges that were judged, with the markets whose
    bars were known."""

    hits: dict[Place, Hit] = field(default_factory=dict)
    looked_at: dict[tuple[UUID, str], frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TechnicalRun:
    """What one run came to: rules judged (on one exchange each), rows opened, seen again, ended."""

    judged: int
    opened: int
    seen: int
    ended: int


def technical_detect(*, now: datetime) -> TechnicalRun:
    """Judge what has a new bar or a changed rule, and bring the rows in line.

    Between bars only prices are refreshed. Signals of an exchange whose bars have stopped are not refreshed either, and
    so end as unseen."""
    # The moment first: a rule that is changed between the two is judged again by the next run.
    rules_ms = _rules_ms()
    rules = _rules()
    before = judged_get(settings.EXCHANGES)
    found, after = Judgement(), {}
    for exchange in sorted(before):
        after[exchange] = _judge(exchange, rules, before[exchange], rules_ms, found, now)
    view = view_now(now)
    with transaction.atomic():
        mine = Opportunity.objects.filter(kind__in=SIGNALS, status=OpportunityStatus.ACTIVE)
        rows = list(mine.defer("evidence").locked(skip=True))
        over = [(row, OpportunityStatus.CLOSED, reason) for row in rows if (reason := _over(row, rules, found))]
        gone = {row.pk for row, _, _ in over}
        kept = [row for row in rows if row.pk not in gone]
        seen = _refresh(kept, rules, found, after, view, now)
        ended = opportunities_end(over, now=now)
        opened = _open(rules, found, kept, view, now)
    # Noted last: a run that fails is done again.
    judged_put(after)
    run = TechnicalRun(judged=len(found.looked_at), opened=opened, seen=seen, ended=ended)
    if run.judged or run.ended:
        logger.info("Technical: %d rules judged, %d opened, %d seen, %d ended", run.judged, opened, seen, ended)
    return run


def _rules() -> dict[UUID, Rule]:
    """Enabled rules: the house's, and those of active people whose tier may have rules."""
    may = Q(owner__isnull=True) | Q(owner__in=users_allowed("opportunities.rules"))
    rules = {}
    for row in TechnicalRule.objects.filter(may, is_enabled=True):
        try:
            rules[row.pk] = Rule(row, conditions_parse(row.conditions))
        except ConditionsInvalid as error:
            # Written by another version: one such rule must not stop the others.
            logger.warning("Rule %s can't be used: %s", row.pk, error)
    return rules


def _rules_ms() -> int:
    newest: datetime | None = TechnicalRule.objects.aggregate(newest=Max("updated_at"))["newest"]
    return 0 if newest is None else clock.to_ms(newest)


def _judge(
    exchange: str, rules: Mapping[UUID, Rule], before: Judged, rules_ms: int, found: Judgement, now: datetime
) -> Judged:
    """Judge the due rules on one exchange; answers what has now been judged."""
    here = [rule for rule in rules.values() if rule.is_on(exchange)]
    due = [rule for rule in here if rule.is_due(before, rules_ms, now)]
    bars = _bars(exchange, due, now)
    sets: dict[tuple[str, ...], list[Rule]] = defaultdict(list)
    for rule in due:
        if all(timeframe in bars for timeframe in rule.conditions.timeframes):
            sets[rule.conditions.timeframes].append(rule)
    for timeframes, alike in sets.items():
        ids, readings = together({timeframe: bars[timeframe] for timeframe in timeframes})
        closes = np.array([readings[timeframe][CLOSE][:, 1] for timeframe in timeframes])
        known = frozenset(ids[np.isfinite(closes).all(axis=0)].tolist())
        for rule in alike:
            found.looked_at[rule.row.pk, exchange] = known
            signals = signal_get(OpportunityKind.TECHNICAL).signals(rule.conditions, readings)
            for at in np.flatnonzero(signals.holds).tolist():
                figures = {
                    timeframe: {name: column[at] for name, column in columns.items()}
                    for timeframe, columns in readings.items()
                }
                found.hits[rule.row.pk, int(ids[at])] = Hit(
                    rule=rule.row,
                    exchange=exchange,
                    market_id=int(ids[at]),
                    strength=float(signals.strength[at]),
                    parts={name: float(part[at]) for name, part in signals.by_timeframe.items()},
                    figures=figures,
                    open_ms={timeframe: bars[timeframe].open_ms for timeframe in timeframes},
                )
    times = {timeframe: before.bar(timeframe) for timeframe in TIMEFRAMES if before.bar(timeframe)}
    return Judged(rules_ms, times | {timeframe: one.open_ms for timeframe, one in bars.items()})


def _bars(exchange: str, due: Sequence[Rule], now: datetime) -> dict[str, Bars]:
    names: dict[str, set[str]] = defaultdict(lambda: set(CONTEXT))
    for rule in due:
        for timeframe, name in rule.conditions.readings:
            names[timeframe].add(name)
    read = {timeframe: bars_last(exchange, timeframe, wanted, now) for timeframe, wanted in names.items()}
    return {timeframe: bars for timeframe, bars in read.items() if bars is not None}


def _over(row: Opportunity, rules: Mapping[UUID, Rule], found: Judgement) -> Reason | None:
    """Why it is over: its rule is gone or is no longer about it, or was judged anew and does not hold, or can't be
    judged for want of bars."""
    if row.rule_id is None or row.rule_id not in rules:
        return Reason.SIGNAL_GONE
    leg, rule = row.legs[0], rules[row.rule_id]
    if leg["side"] != rule.row.side or not rule.is_on(leg["exchange"]) or not rule_fits(rule.row, row):
        return Reason.SIGNAL_GONE
    known = found.looked_at.get((row.rule_id, leg["exchange"]))
    if known is None or (row.rule_id, leg["market_id"]) in found.hits:
        return None
    return Reason.SIGNAL_GONE if leg["market_id"] in known else Reason.DATA_GONE


def _refresh(
    rows: Sequence[Opportunity],
    rules: Mapping[UUID, Rule],
    found: Judgement,
    judged: Mapping[str, Judged],
    view: MarketView,
    now: datetime,
) -> int:
    """New prices for rows whose bars still come, new figures for those that were judged again; returns how many."""
    priced, judged_anew = [], []
    for row in rows:
        assert row.rule_id is not None
        exchange, market_id = row.legs[0]["exchange"], row.legs[0]["market_id"]
        known = judged.get(exchange, Judged())
        frames = rules[row.rule_id].conditions.timeframes
        if any(known.bar(frame) < newest_open_ms(frame, now) - TIMEFRAMES[frame] for frame in frames):
            continue
        if not leg_update(row, view, now):
            continue
        hit = found.hits.get((row.rule_id, market_id))
        if hit is None:
            priced.append(row)
        else:
            row_fill(row, hit, view, now)
            judged_anew.append(row)
    Opportunity.objects.bulk_update(priced, ["legs", "last_seen_at", "priced_at"], batch_size=200)
    Opportunity.objects.bulk_update(judged_anew, SIGNAL_FIELDS, batch_size=200)
    return len(priced) + len(judged_anew)


def _open(
    rules: Mapping[UUID, Rule], found: Judgement, kept: Sequence[Opportunity], view: MarketView, now: datetime
) -> int:
    """Rows for the strongest hits of each rule, one market per instrument: the one most is traded on."""
    taken: dict[UUID, set[str]] = defaultdict(set)
    for row in kept:
        if row.rule_id is not None:
            taken[row.rule_id].add(row.instrument)
    resting = _resting(rules, now)
    by_rule: dict[UUID, list[Hit]] = defaultdict(list)
    for (rule_id, _), hit in found.hits.items():
        by_rule[rule_id].append(hit)
    fresh = []
    for rule_id, hits in by_rule.items():
        room = OPEN_PER_RULE - len(taken[rule_id])
        rows = [row for row in _chosen(hits, view, now) if row.instrument not in taken[rule_id]]
        fresh += [row for row in rows if row.fingerprint not in resting][: max(0, room)]
    rows_open(fresh)
    opened = Opportunity.objects.filter(pk__in=[row.pk for row in fresh]).values_list("pk", flat=True)
    ids = tuple(str(pk) for pk in opened)
    if ids:
        events.publish(OpportunitiesActive(opportunity_ids=ids))
    return len(ids)


def _chosen(hits: Sequence[Hit], view: MarketView, now: datetime) -> Iterator[Opportunity]:
    """Rows of one rule, strongest first, only the most traded market of each instrument."""
    codes = np.array(sorted(set(view.layout.quote_code.tolist())), dtype=np.int16)
    dollars = dollar_rates(view, codes)
    best: dict[str, tuple[float, Opportunity]] = {}
    for hit in hits:
        row = row_new(hit, view, now)
        if row is None or not rule_fits(hit.rule, row):
            continue
        traded = hit.traded(view, dollars)
        if row.instrument not in best or traded > best[row.instrument][0]:
            best[row.instrument] = traded, row
    rows = sorted(best.values(), key=lambda one: (-(one[1].strength or 0.0), -one[0], one[1].symbol))
    return (row for _, row in rows)


def _resting(rules: Mapping[UUID, Rule], now: datetime) -> set[str]:
    """Fingerprints that ended within the shortest bar of their rule: the same bar does not open twice."""
    longest = max((TIMEFRAMES[frame] for rule in rules.values() for frame in rule.conditions.timeframes), default=0)
    ended = Opportunity.objects.filter(kind__in=SIGNALS, closed_at__gt=now - timedelta(milliseconds=longest)).exclude(
        status__in=OPEN
    )
    resting = set()
    for fingerprint, rule_id, closed_at in ended.values_list("fingerprint", "rule_id", "closed_at"):
        rule = rules.get(rule_id) if rule_id is not None else None
        if rule is None or closed_at is None:
            continue
        rest = min(TIMEFRAMES[frame] for frame in rule.conditions.timeframes)
        if now - closed_at < timedelta(milliseconds=rest):
            resting.add(fingerprint)
    return resting
