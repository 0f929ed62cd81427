"""How feeds are."""

from django.conf import settings

from apps.core import clock
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.models import Feed
from apps.markets.types import FeedStatus

# A feed that claims to be fine but has had no good answer for this long is not being polled.
UNPOLLED_S = 60.0


def feeds_status() -> list[FeedStatus]:
    """How each configured feed is, exchange by exchange; a feed that claims to be fine but is not polled is stale."""
    now = clock.now()
    answer = []
    for feed in Feed.objects.filter(exchange__in=settings.EXCHANGES).select_related("exchange"):
        age_s = (now - feed.last_ok_at).total_seconds() if feed.last_ok_at else None
        state, reason = FeedState(feed.state), feed.reason
        if not feed.exchange.enabled:
            state, reason = FeedState.DISABLED, "switched off by an operator"
        elif state is FeedState.OK and age_s is not None and age_s > max(UNPOLLED_S, 2 * settings.POLL_SECONDS):
            state, reason = FeedState.STALE, f"no answer for {age_s:.0f} s: is the market worker running?"
        answer.append(
            FeedStatus(
                exchange=feed.exchange_id,
                kind=SnapshotKind(feed.kind),
                state=state,
                reason=reason,
                since=feed.since,
                last_ok_at=feed.last_ok_at,
                age_s=age_s,
                rows=feed.last_rows,
                refused=feed.last_refused,
                latency_ms=feed.latency_ms,
            )
        )
    return answer
