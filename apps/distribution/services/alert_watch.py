"""Looking: which triggers news may change, what they say to it, and what one of them would say."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import numpy as np
from django.db.models import Q

from apps.accounts.selectors import policy_of, users_active
from apps.accounts.types import TierPolicy
from apps.core import clock
from apps.core.exceptions import OperatorError
from apps.distribution.enums import Refusal, Silence
from apps.distribution.models import AlertTrigger
from apps.distribution.services.alert_fire import Due, alerts_fire, refusals_note, standings_note
from apps.distribution.services.boards import board_now
from apps.distribution.triggers.base import Judgement, Kind, ParamsInvalid, Source, Watch
from apps.distribution.triggers.board import Board
from apps.distribution.triggers.registry import KINDS
from apps.distribution.types import AlertRun, AlertTest

logger = logging.getLogger(__name__)

T = TypeVar("T")

# So many speak in one transaction: other writers of SQLite wait for each.
CHUNK: Final = 500
_READ: Final = (
    "pk", "user_id", "name", "params", "standing", "kind", "repeat", "rests_until_ms", "updated_at", "user__tier",
    "user__role",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A trigger as it is stored, with what its parameters are."""

    watch: Watch[Any]
    source: Source
    kind: str
    repeat: bool
    rests_until_ms: int
    daily: dict[str, int | None]


# What parameters come to, by trigger and the moment of its last change: most triggers are looked at again and again.
_parsed: dict[UUID, tuple[datetime, Any, Source]] = {}
_PARSED_MOST: Final = 100_000


def alerts_watch(*, now: datetime, feed: str = "", exchange: str = "") -> AlertRun:
    """Look at the triggers that this feed of this exchange may change (without them: at all), and let them speak.

    Data that is too old, frozen or refused says nothing, so that nothing is said by it. As many queries however many
    triggers there are, and the same for each CHUNK of those that speak."""
    loaded = _loaded(feed, exchange)
    if not loaded:
        return AlertRun()
    board = board_now(now=now, sources={one.source for one in loaded})
    dues: list[Due] = []
    resting: list[UUID] = []
    moved: dict[int, list[UUID]] = defaultdict(list)
    for kind, members in _by_kind(loaded).items():
        _look(kind, members, board, dues, resting, moved)
    for side, ids in moved.items():
        for chunk in _chunks(ids):
            standings_note(chunk, side)
    refused = sum(refusals_note(chunk, Refusal.COOLDOWN, now=now) for chunk in _chunks(resting))
    fired = sum(len(alerts_fire(dues=chunk, now=now)) for chunk in _chunks(dues))
    if fired:
        logger.info("Alerts: %d looked at, %d fired, %d kept back", len(loaded), fired, refused)
    return AlertRun(len(loaded), fired, refused)


def alert_test(*, trigger: AlertTrigger, now: datetime) -> AlertTest:
    """What it would do and say now. Nothing is stored or sent. ParamsInvalid where it can't be used as it is stored."""
    one = next(_read([_values(trigger)]), None)
    if one is None:
        raise ParamsInvalid("This alert is of another release and is never looked at: send its params anew.")
    kind = KINDS.get(one.kind)()
    board = board_now(now=now, sources=[one.source])
    judged = kind.judge([one.watch], board)
    # As if it had just been made: what it would say of what holds already.
    anew = kind.judge([replace(one.watch, standing=0)], board)
    side, news = int(judged.side[0]), bool(judged.edge[0])
    says = judged.tell(0) if news else anew.tell(0) if bool(anew.edge[0]) else None
    reason = _why_not(trigger, one, side, news, now)
    return AlertTest(
        holds=None if side == 0 else side > 0,
        fires=not reason,
        reason=reason,
        title=says.title if says else "",
        lines=says.lines if says else (),
        evidence=says.evidence if says else {},
        age_s=says.age_s if says else None,
    )


def _values(trigger: AlertTrigger) -> tuple[Any, ...]:
    """A row as `_read` takes it."""
    return (
        trigger.pk, trigger.user_id, trigger.name, trigger.params, trigger.standing, trigger.kind, trigger.repeat,
        trigger.rests_until_ms, trigger.updated_at, trigger.user.tier, trigger.user.role,
    )  # fmt: skip


def _why_not(trigger: AlertTrigger, one: Loaded, side: int, news: bool, now: datetime) -> str:
    """Why it would not speak now; "" where it would, unless a limit is reached by then."""
    if not trigger.enabled:
        return Silence.SWITCHED_OFF
    if news or (one.repeat and side > 0):
        return Silence.COOLDOWN if one.rests_until_ms > clock.to_ms(now) else ""
    if side == 0:
        # What looks at markets is on no side where nothing usable is known of them.
        return Silence.UNKNOWN if one.source.places else Silence.DOES_NOT_HOLD
    return Silence.TOLD_ALREADY if side > 0 else Silence.DOES_NOT_HOLD


def _loaded(feed: str, exchange: str) -> list[Loaded]:
    wanted = Q()
    if feed:
        wanted &= Q(feed__in=(feed, ""))
    if exchange:
        wanted &= Q(exchange__in=(exchange, ""))
    rows = AlertTrigger.objects.filter(wanted, enabled=True, user__in=users_active()).order_by()
    return list(_read(rows.values_list(*_READ).iterator(chunk_size=5000)))


def _read(rows: Any) -> Iterator[Loaded]:
    policies: dict[tuple[str, str], tuple[int, dict[str, int | None]]] = {}
    for id, user_id, name, params, standing, kind, repeat, rests, updated_at, tier, role in rows:
        if (tier, role) not in policies:
            policies[tier, role] = _granted(policy_of(tier, role))
        delay_s, daily = policies[tier, role]
        known = _parsed.get(id)
        if known is None or known[0] != updated_at:
            try:
                plugin: Kind[Any] = KINDS.get(kind)()
                read = plugin.read(params)
                known = updated_at, read, plugin.source(read)
            except (ParamsInvalid, OperatorError) as error:
                # Written by another version: one such row must not stop the others.
                logger.warning("Alert trigger %s can't be used: %s", id, error)
                continue
            if len(_parsed) >= _PARSED_MOST:
                _parsed.clear()
            _parsed[id] = known
        watch = Watch(id, user_id, name, known[1], standing, delay_s)
        yield Loaded(watch, known[2], kind, repeat, rests, daily)


def _granted(policy: TierPolicy) -> tuple[int, dict[str, int | None]]:
    return policy.delay_s, {"arbitrage": policy.daily["arbitrage"], "technical": policy.daily["technical"]}


def _by_kind(loaded: Sequence[Loaded]) -> dict[str, list[Loaded]]:
    kinds: dict[str, list[Loaded]] = defaultdict(list)
    for one in loaded:
        kinds[one.kind].append(one)
    return kinds


def _look(
    kind: str,
    members: Sequence[Loaded],
    board: Board,
    dues: list[Due],
    resting: list[UUID],
    moved: dict[int, list[UUID]],
) -> None:
    """Sort all of one kind: who has something to say, who rests though it is news, whose side is only noted."""
    judged: Judgement = KINDS.get(kind)().judge([one.watch for one in members], board)
    standing = np.array([one.watch.standing for one in members], dtype=np.int8)
    rests = np.array([one.rests_until_ms for one in members], dtype=np.int64) > board.now_ms
    again = np.array([one.repeat for one in members], dtype=np.bool_) & (judged.side > 0) & (standing > 0)
    for at in np.flatnonzero((judged.edge | again) & ~rests).tolist():
        one = members[at]
        dues.append(
            Due(
                trigger_id=one.watch.id,
                user_id=one.watch.user_id,
                name=one.watch.name,
                kind=one.kind,
                side=int(judged.side[at]),
                telling=judged.tell(at),
                daily=one.daily,
            )
        )
    resting += [members[at].watch.id for at in np.flatnonzero(judged.edge & rests).tolist()]
    for at in np.flatnonzero(~judged.edge & (judged.side != 0) & (judged.side != standing)).tolist():
        moved[int(judged.side[at])].append(members[at].watch.id)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
