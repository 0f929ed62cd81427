"""The newest usable snapshots and order books."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from django.conf import settings

from apps.core import clock
from apps.markets import store
from apps.markets.enums import SnapshotKind
from apps.markets.selectors.tables import market_versions, table_version
from apps.markets.types import FundingRates, Latest, OrderBook, Quotes


def snapshots_latest(
    *, now_ms: int, kinds: Iterable[SnapshotKind] = SnapshotKind, exchanges: Collection[str] | None = None
) -> Latest:
    """The usable newest snapshots of these kinds: of enabled exchanges (of `exchanges` only, where given), made with
    today's markets, not older than the settings allow.

    Their `market_version` is set to that of `market_table()`. A refused feed has no snapshot in the store."""
    versions = market_versions()
    version = table_version(versions)
    wanted = tuple(kinds)
    read = [exchange for exchange in versions if exchanges is None or exchange in exchanges]
    found = store.snapshots_all([(exchange, kind) for exchange in read for kind in wanted])
    latest = Latest()
    lists: Mapping[SnapshotKind, list[Quotes] | list[FundingRates]] = {
        SnapshotKind.SPOT: latest.spot,
        SnapshotKind.SWAP: latest.swap,
        SnapshotKind.FUNDING: latest.funding,
    }
    for snapshot in found:
        # What is from the future was stored before our clock was set back: nobody knows how old it is.
        fresh = abs(now_ms - snapshot.received_at) <= max_age_ms(snapshot.kind)
        if fresh and snapshot.market_version == versions[snapshot.exchange]:
            lists[snapshot.kind].append(replace(snapshot, market_version=version))  # type: ignore[arg-type]
    return latest


def max_age_ms(kind: SnapshotKind) -> int:
    """How old data of this kind may be, in ms."""
    seconds = settings.MAX_FUNDING_AGE_S if kind is SnapshotKind.FUNDING else settings.MAX_QUOTE_AGE_S
    return round(seconds * 1000)


def books_latest(market_ids: Sequence[int], *, max_age_ms: int = 2000) -> dict[int, OrderBook]:
    """The stored order books of these markets that are at most so old, by market id."""
    now_ms = clock.now_ms()
    found = store.books_latest(market_ids)
    return {key: book for key, book in found.items() if abs(now_ms - book.received_at) <= max_age_ms}
