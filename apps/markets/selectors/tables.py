"""Market rows as columns, kept in the process until an exchange's markets change."""

import threading
import time
import zlib
from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.db.models import FloatField, QuerySet
from django.db.models.functions import Cast

from apps.markets.enums import MarketType, QuarantineState, SnapshotKind
from apps.markets.models import Exchange, Market
from apps.markets.selectors.fees import fee_book
from apps.markets.table import INDEX_FIELDS, TABLE_FIELDS, index_build, table_build
from apps.markets.types import MarketTable
from apps.markets.validate import MarketIndex

# Every service that changes what is in a table makes a new version of it, which counts at once. Rows that somebody
# edits behind their back count after this long at most: a table of 48,000 markets takes half a second to make.
TABLE_CACHED_S = 300.0
# Intervals learned from settled fundings count after this long, without a new version.
INDEX_CACHED_S = 15.0

# Read as floats, which they become: hundreds of thousands of decimals are most of what a table costs.
_AS_FLOATS: Final = frozenset({"contract_size", "amount_step", "min_amount", "min_notional", "max_leverage"})
_TABLE_COLUMNS: Final = tuple(Cast(name, FloatField()) if name in _AS_FLOATS else name for name in TABLE_FIELDS)

_lock = threading.Lock()
_tables: dict[bool, tuple[float, MarketTable]] = {}
_indexes: dict[tuple[str, SnapshotKind], tuple[float, MarketIndex]] = {}
_PERPETUALS = (MarketType.SWAP, MarketType.INVERSE)
_TYPES: Mapping[SnapshotKind, tuple[MarketType, ...]] = {
    SnapshotKind.SPOT: (MarketType.SPOT,),
    SnapshotKind.SWAP: _PERPETUALS,
    SnapshotKind.FUNDING: _PERPETUALS,
}


def market_table(*, whole: bool = False) -> MarketTable:
    """The active monitored markets of usable exchanges; kept in the process until an exchange's markets change.

    Markets that wait in quarantine are only in the `whole` table: nothing is to be found with them."""
    version = table_version(market_versions())
    with _lock:
        made_at, table = _tables.get(whole, (0.0, None))
        if table is None or table.version != version or time.monotonic() - made_at > TABLE_CACHED_S:
            rows = Market.objects.filter(active=True, monitored=True, exchange__in=_usable().values("id")).order_by(
                "id"
            )
            if not whole:
                rows = rows.exclude(quarantine__state=QuarantineState.PENDING)
            rules = fee_book(_usable().values_list("id", flat=True))
            table = table_build(version, list(rows.values_list(*_TABLE_COLUMNS)), rules)
            _tables[whole] = (time.monotonic(), table)
        return table


def market_index(exchange: str, kind: SnapshotKind) -> MarketIndex:
    """The monitored markets of one exchange that a feed covers, for reading its answers; kept until they change."""
    version = Exchange.objects.filter(id=exchange).values_list("market_version", flat=True).first() or 0
    with _lock:
        made_at, index = _indexes.get((exchange, kind), (0.0, None))
        if index is None or index.version != version or time.monotonic() - made_at > INDEX_CACHED_S:
            types = _TYPES[kind]
            rows = Market.objects.filter(exchange=exchange, type__in=types, active=True, monitored=True).order_by("id")
            index = index_build(version, list(rows.values_list(*INDEX_FIELDS)))
            _indexes[exchange, kind] = (time.monotonic(), index)
        return index


def caches_forget() -> None:
    """Forget what this process keeps of the market rows (they were replaced behind its back: tests, a restore)."""
    with _lock:
        _tables.clear()
        _indexes.clear()


def market_versions() -> dict[str, int]:
    """The version of each usable exchange's markets."""
    return dict(_usable().order_by("id").values_list("id", "market_version"))


def table_version(versions: Mapping[str, int]) -> int:
    """The version of a table over these exchanges: any of them coming, going or changing makes another."""
    return zlib.crc32(repr(sorted(versions.items())).encode())


def _usable() -> QuerySet[Exchange]:
    return Exchange.objects.filter(enabled=True, id__in=settings.EXCHANGES)
