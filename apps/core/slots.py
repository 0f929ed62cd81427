"""Beat slots: each period of a schedule has one effect, however many beats run and messages come twice."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from apps.core import clock
from apps.core.models import ScheduleSlot

logger = logging.getLogger(__name__)

# Message headers. django-celery-beat sends the first; `apps.core.beat.Scheduler` adds the second.
NAME_HEADER = "periodic_task_name"
SLOT_HEADER = "slot_ms"


def slot_start_ms(at_ms: int, period_s: float) -> int:
    """Start of the period that `at_ms` lies in, as Unix ms.

    A start, not a running number: it keeps growing when an operator changes the period."""
    period_ms = max(1, int(period_s * 1000))
    return at_ms // period_ms * period_ms


def slot_claim(*, name: str, slot_ms: int) -> bool:
    """True for the one caller that may act for this slot of schedule `name`; older slots than the newest are gone."""
    claimed_at = clock.wall_now()
    taken = ScheduleSlot.objects.filter(name=name, last_slot__lt=slot_ms).update(
        last_slot=slot_ms, claimed_at=claimed_at
    )
    if taken:
        return True
    if ScheduleSlot.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            ScheduleSlot.objects.create(name=name, last_slot=slot_ms, claimed_at=claimed_at)
    except IntegrityError:
        # Another claimed the schedule's first slot between our two statements.
        return False
    return True


def claim_for(headers: Mapping[str, Any]) -> bool:
    """Whether the message with these headers may run: claims the slot of a beat message, lets every other one pass."""
    name = headers.get(NAME_HEADER)
    if name is None:
        return True
    slot_ms = headers.get(SLOT_HEADER)
    if not isinstance(slot_ms, int):
        logger.warning("Schedule %r has no slot: start beat with apps.core.beat.Scheduler", name)
        return True
    return slot_claim(name=str(name), slot_ms=slot_ms)
