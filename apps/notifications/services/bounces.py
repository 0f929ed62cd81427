"""What a bounce does: its message was not delivered after all, and an address that is at fault is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from apps.notifications.bounces import Bounce
from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.services.farewell import endpoint_give_up
from apps.notifications.services.takeback import delivery_take_back

# A full mailbox or a server that is away: so many messages lost in a row of days are as good as a wrong address.
SOFT_MAX = 5
SOFT_WINDOW = timedelta(days=7)
_HARD, _SOFT = "bounce_hard", "bounce_soft"


@dataclass(slots=True)
class BounceReport:
    """What was taken: `hard` and `soft` bounces, `given_up` endpoints, and how many were known or not ours."""

    hard: int = 0
    soft: int = 0
    given_up: int = 0
    ignored: int = 0


def bounces_take(*, bounces: Sequence[Bounce], now: datetime) -> BounceReport:
    """Write bounces down; the same one twice counts once. The next endpoint of the route takes the message over.

    A hard one switches its endpoint off, and so does the fifth soft one in a week; its owner is told elsewhere."""
    report = BounceReport()
    for bounce in bounces:
        with transaction.atomic():
            _take(bounce, report, now)
    return report


def _take(bounce: Bounce, report: BounceReport, now: datetime) -> None:
    mails = Delivery.objects.select_for_update(of=("self",)).filter(channel="email")
    delivery = mails.select_related("endpoint", "notification").filter(pk=bounce.delivery_id).first()
    # A late "not now" may still become a "never".
    known = (_HARD,) if bounce.hard else (_HARD, _SOFT)
    if delivery is None or delivery.attempt_rows.filter(code__in=known).exists():
        report.ignored += 1
        return
    reason = f"The mail came back: {bounce.status} {bounce.words}".strip()[:500]
    code = _HARD if bounce.hard else _SOFT
    delivery_take_back(delivery=delivery, code=code, reason=reason, lasting=bounce.hard, now=now)
    report.hard += bounce.hard
    report.soft += not bounce.hard
    if bounce.hard or _softs(delivery, now) >= SOFT_MAX:
        report.given_up += endpoint_give_up(endpoint=delivery.endpoint, reason=reason[:250], now=now)


def _softs(delivery: Delivery, now: datetime) -> int:
    return DeliveryAttempt.objects.filter(
        delivery__endpoint_id=delivery.endpoint_id, code=_SOFT, started_at__gt=now - SOFT_WINDOW
    ).count()
