"""How market data is, for the health page."""

from apps.core.health import Health
from apps.markets import selectors
from apps.markets.enums import FeedState

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
