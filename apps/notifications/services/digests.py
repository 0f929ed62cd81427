"""One message about those that limits or quiet hours kept back until they were too late."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet

from apps.core.exceptions import ArbEdgeError
from apps.notifications.enums import Held, NotificationState, Priority
from apps.notifications.models import Delivery, Notification, ReachPreferences
from apps.notifications.services.journal import LIMITS
from apps.notifications.services.messages import headline
from apps.notifications.services.notifications import notification_create
from apps.notifications.services.quiet import CODE as QUIET
from apps.notifications.services.quiet import quiet_now

logger = logging.getLogger(__name__)

TEMPLATE = "digest"
# One message instead of many: not itself one of many.
APART = timedelta(minutes=15)
LOOK_BACK = timedelta(days=1)
LINES_MAX = 10
PEOPLE_MAX = 500
LIVES = timedelta(hours=4)


def digests_send(*, now: datetime) -> int:
    """Owe a digest to everybody who wants one, whose quiet hours it is not, and who missed something since the last;
    returns to how many. Any number of workers may at once."""
    people = list(_missed(now).order_by().values_list("user_id", flat=True).distinct())
    # Whoever sleeps takes nobody's place.
    quiet = quiet_now(people, now=now)
    awake = [user_id for user_id in people if user_id not in quiet]
    return sum(_digest(user_id, now) for user_id in awake[:PEOPLE_MAX])


def _missed(now: datetime) -> QuerySet[Notification]:
    """What nobody got because of a limit or quiet hours, whose owner wants to be told of it and may be by now."""
    # Their state is not asked: of an expired message only expired deliveries end so, and SQLite would look for each
    # message through all that have expired.
    deliveries = Delivery.objects.filter(notification=OuterRef("pk"))
    limited = Q(*(("last_error__startswith", f"{code}:") for code in LIMITS), _connector=Q.OR)
    late = Exists(deliveries.filter(limited))
    held = Exists(deliveries.filter(last_error__startswith=QUIET))
    nothing_said = Q(user__reach_preferences__isnull=True)
    wants_late = nothing_said | Q(user__reach_preferences__digest=True)
    wants_held = Q(user__reach_preferences__quiet_policy=Held.DIGEST)
    digested = "user__reach_preferences__digested_at"
    none_yet = Q(**{f"{digested}__isnull": True})
    since_last = Q(**{f"{digested}__lte": now - APART}, finished_at__gt=F(digested))
    return (
        Notification.objects.filter(
            state=NotificationState.EXPIRED, finished_at__gt=now - LOOK_BACK, to_endpoint__isnull=True
        )
        .exclude(template=TEMPLATE)
        .filter(none_yet | since_last)
        .filter((wants_late & late) | (wants_held & held))
    )


def _digest(user_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        # Who comes second waits here, and then finds nothing missed since the first one's digest.
        ReachPreferences.objects.select_for_update().get_or_create(user_id=user_id)
        rows = _missed(now).filter(user_id=user_id)
        newest = list(rows.select_related("user").order_by("-finished_at")[:LINES_MAX])
        if not newest:
            return False
        total = rows.order_by().aggregate(count=Count("pk"), since=Min("created_at"))
        lines = [line for row in newest if (line := _line(row, now))]
        made = notification_create(
            user_id=user_id,
            template=TEMPLATE,
            context={
                "count": total["count"],
                "since": total["since"].isoformat(),
                "lines": lines,
                "more": total["count"] - len(lines),
            },
            priority=Priority.LOW,
            dedupe_key=f"digest:{newest[0].pk}",
            expires_at=now + LIVES,
            now=now,
        )
        ReachPreferences.objects.filter(user_id=user_id).update(digested_at=now)
    return made is not None


def _line(row: Notification, now: datetime) -> str:
    try:
        return headline(row, now=now)
    except ArbEdgeError as error:
        logger.warning("Message %s has no line for a digest: %s", row.pk, error.message)
        return ""
