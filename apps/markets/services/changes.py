"""What follows when people change what is known of an exchange's markets."""

from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core import queue
from apps.markets.enums import FeedState, SnapshotKind
from apps.markets.models import Exchange, Feed
from apps.markets.services.feeds import SYNC_TASK, feed_ring


def markets_changed(*, exchanges: Iterable[str]) -> None:
    """A new version of these exchanges' markets: every process reads them anew, snapshots made before are refused, and
    so the feeds are rung at once (after commit)."""
    names = set(exchanges)
    Exchange.objects.filter(id__in=names).update(market_version=F("market_version") + 1)
    feeds = Feed.objects.filter(exchange__in=names.intersection(settings.EXCHANGES), exchange__enabled=True)
    for feed in feeds.exclude(state=FeedState.DISABLED):
        transaction.on_commit(partial(feed_ring, feed.exchange_id, SnapshotKind(feed.kind)))


def sync_ring(*, exchange: str | None) -> None:
    """Load the markets of an exchange (None: of all) anew, after commit."""
    usable = Exchange.objects.filter(enabled=True, id__in=settings.EXCHANGES)
    for name in usable.values_list("id", flat=True):
        if exchange in (None, name):
            transaction.on_commit(partial(queue.ring, SYNC_TASK, key=name, kwargs={"exchange": name}))
