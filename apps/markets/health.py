"""How market data is, for the health page."""

from typing import TYPE_CHECKING

from apps.core.health import Health
from apps.core.later import later
from apps.markets.enums import FeedState

if TYPE_CHECKING:
    from apps.markets import access, archive, selectors
else:
    access = later("apps.markets.access")
    archive = later("apps.markets.archive")
    selectors = later("apps.markets.selectors")

_RESTING = {FeedState.NEW, FeedState.DISABLED}


def probe() -> Health:
    """Unhealthy where no feed can be used, degraded where some can't; the reasons are the feeds' own."""
    feeds = [feed for feed in selectors.feeds_status() if feed.state is not FeedState.DISABLED]
    good = [feed for feed in feeds if feed.state is FeedState.OK]
    bad = [feed for feed in feeds if feed.state not in _RESTING and feed.state is not FeedState.OK]
    details = {f"{feed.exchange} {feed.kind}": f"{feed.state}: {feed.reason}".rstrip(": ") for feed in feeds}
    if not good:
        return Health("unhealthy", "no feed has usable data", details)
    if bad:
        names = ", ".join(f"{feed.exchange} {feed.kind} ({feed.state})" for feed in bad)
        return Health("degraded", f"{len(bad)} of {len(feeds)} feeds refused: {names}", details)
    return Health("healthy", "", details)


def archive_probe() -> Health:
    """Degraded while the archive's storage is away; quotes and alerts don't depend on it."""
    state = archive.told()
    if state is None:
        return Health("healthy", details={"archived": "nothing lately"})
    details = {
        "spooled_bytes": state.spooled_bytes,
        "spool_most_bytes": state.most_bytes,
        "dropped_segments": state.dropped_segments,
    }
    return Health("degraded" if state.trouble else "healthy", state.trouble, details)


def reads_probe() -> Health:
    """How many of today's reads of market data were answered without asking an exchange, by kind of data."""
    return Health(
        "healthy",
        details={
            one.kind: {
                "hit_rate": None if one.hit_rate is None else round(one.hit_rate, 3),
                "hits": one.by_source,
                "misses": one.misses,
                "upstream": one.upstream,
            }
            for one in access.access_counts()
        },
    )
