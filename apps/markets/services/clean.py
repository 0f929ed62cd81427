"""The rows of an answer that may be used, whatever the answer is of."""

from typing import TypeAlias

from apps.markets import selectors
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply
from apps.markets.types import Snapshot
from apps.markets.validate import Arrival, MarketIndex, funding_clean, quotes_clean

Answer: TypeAlias = Reply[QuoteColumns] | Reply[FundingColumns]


def answer_clean(
    *,
    exchange: str,
    kind: SnapshotKind,
    reply: Answer,
    index: MarketIndex,
    answered_at: int,
    offset_ms: int,
    constant_hours: float | None,
) -> tuple[Snapshot, dict[str, int]]:
    """The usable rows as a snapshot, and how many rows were refused for which reason.

    `answered_at` is the exchange's clock when it answered (Unix ms), `offset_ms` how far that clock is off ours."""
    arrival = Arrival(
        exchange=exchange,
        received_at=reply.received_at,
        answered_at=answered_at,
        offset_ms=offset_ms,
        max_age_ms=selectors.max_age_ms(kind),
    )
    snapshot: Snapshot
    if isinstance(reply.value, FundingColumns):
        snapshot, refused = funding_clean(reply.value, index, arrival=arrival, constant_hours=constant_hours)
    else:
        snapshot, refused = quotes_clean(reply.value, index, kind=kind, arrival=arrival)
    return snapshot, refused | ({"unreadable": reply.unread} if reply.unread else {})
