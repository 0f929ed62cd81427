"""The monitored universe: which markets of each exchange are read at all, by what can be earned on them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
from django.conf import settings
from django.db import transaction

from apps.markets import selectors
from apps.markets.enums import Watch
from apps.markets.models import Market
from apps.markets.prices import prices_of
from apps.markets.remembered import remembered_get, remembered_put
from apps.markets.services.changes import markets_changed
from apps.markets.spreads import Spreads, spreads_blend
from apps.markets.types import Floats, Latest, MarketTable, Quotes
from apps.markets.universe import Standing, standings

logger = logging.getLogger(__name__)

SAMPLE_EVERY_S: Final = 15.0
RANK_EVERY_S: Final = 600
# What moved by less is not written: thousands of rows every ten minutes would keep every other writer waiting.
_WORTH_WRITING: Final = 0.1
_FIELDS: Final = ("liquidity_usd", "spread", "spread_volatility", "rank", "monitored")
_COLUMNS: Final = ("id", "type", "watch", *_FIELDS)
_BATCH: Final = 100
# Spreads wider than this are of a market that is not traded.
_MAX_SPREAD: Final = 0.2


@dataclass(frozen=True, slots=True)
class UniverseReport:
    """What one ranking came to: markets ranked, monitored, and how many came into the universe and went out of it."""

    ranked: int = 0
    monitored: int = 0
    entered: int = 0
    left: int = 0


# Fields of a `Standing` that were measured.
Measured: TypeAlias = dict[str, Any]


def spreads_sample(*, latest: Latest) -> None:
    """Take one more sample of the relative spread of every market in the latest quotes (see `spreads`).

    Raises redis.RedisError where the cache is away: that sample is missing, the next one counts."""
    table = selectors.market_table(whole=True)
    for quotes in (*latest.spot, *latest.swap):
        spread = (quotes.ask - quotes.bid) / ((quotes.ask + quotes.bid) / 2)
        before = remembered_get(Spreads, quotes.exchange, quotes.kind)
        # Delisted markets and those that left the universe are forgotten.
        before = before.of(before.market_id[table.rows(before.market_id) >= 0])
        after = spreads_blend(before, quotes.market_id, spread, seconds=SAMPLE_EVERY_S)
        remembered_put(after, quotes.exchange, quotes.kind)


def universe_rank(*, latest: Latest, now: datetime) -> UniverseReport:
    """Rank the markets of every exchange that has fresh quotes (see `universe.standings`), and decide who is monitored.

    A market that enters or leaves makes a new version of its exchange's markets. Only what moved is written."""
    table = selectors.market_table(whole=True)
    worth = prices_of(table, latest, max_spread=_MAX_SPREAD).worth
    measured: dict[str, dict[int, Measured]] = defaultdict(dict)
    for quotes in (*latest.spot, *latest.swap):
        measured[quotes.exchange] |= _measured(quotes, table, worth)
    changes = [_exchange_rank(exchange, facts, now) for exchange, facts in measured.items()]
    report = UniverseReport(*(sum(column) for column in zip(*changes, strict=True))) if changes else UniverseReport()
    logger.info(
        "Universe: %d monitored, %d ranked (%d entered, %d left)",
        report.monitored,
        report.ranked,
        report.entered,
        report.left,
    )
    return report


def markets_watch(*, market_ids: Iterable[int], watch: Watch) -> int:
    """Pin, block or leave to their rank these markets, at once; how many were watched otherwise before."""
    with transaction.atomic():
        rows = list(Market.objects.select_for_update().filter(id__in=list(market_ids)).exclude(watch=watch))
        for market in rows:
            market.watch = watch
            in_rank = market.rank is None or market.rank <= settings.UNIVERSE_SIZE
            market.monitored = watch is Watch.PINNED or (watch is Watch.AUTO and in_rank)
        Market.objects.bulk_update(rows, ["watch", "monitored"], batch_size=500)
        markets_changed(exchanges={market.exchange_id for market in rows})
    return len(rows)


def _exchange_rank(exchange: str, measured: Mapping[int, Measured], now: datetime) -> tuple[int, int, int, int]:
    """Ranked, monitored, entered and left on one exchange."""
    before = [Standing(*row) for row in Market.objects.filter(exchange=exchange, active=True).values_list(*_COLUMNS)]
    fresh = [replace(one, **measured.get(one.market_id, {})) for one in before]
    turn = int(now.timestamp()) // RANK_EVERY_S
    after = standings(fresh, size=settings.UNIVERSE_SIZE, turn=turn)
    pairs = list(zip(before, after, strict=True))
    entered = sum(1 for old, new in pairs if new.monitored and not old.monitored)
    left = sum(1 for old, new in pairs if old.monitored and not new.monitored)
    moved = [_row(new) for old, new in pairs if _is_worth_writing(old, new)]
    for start in range(0, len(moved), _BATCH):
        # Small transactions: other writers of SQLite wait for each one.
        Market.objects.bulk_update(moved[start : start + _BATCH], _FIELDS)
    if entered or left:
        with transaction.atomic():
            markets_changed(exchanges=[exchange])
    ranked = sum(1 for one in after if one.rank is not None)
    return ranked, sum(1 for one in after if one.monitored), entered, left


def _measured(quotes: Quotes, table: MarketTable, worth: Floats) -> dict[int, Measured]:
    """What the latest quotes and the samples of their spreads tell, by market id; what they don't tell is left out."""
    rows = table.rows(quotes.market_id)
    known = np.flatnonzero(rows >= 0)
    ids = quotes.market_id[known]
    spreads = remembered_get(Spreads, quotes.exchange, quotes.kind).of(ids)
    unknown = spreads.count == 0
    columns = {
        "liquidity": quotes.quote_volume[known] * worth[table.quote_code[rows[known]]],
        "spread": np.where(unknown, np.nan, spreads.mean),
        "volatility": np.where(unknown, np.nan, np.sqrt(spreads.variance)),
    }
    facts: dict[int, Measured] = {market_id: {} for market_id in ids.tolist()}
    for name, column in columns.items():
        for at in np.flatnonzero(np.isfinite(column)).tolist():
            facts[int(ids[at])][name] = float(column[at])
    return facts


def _row(one: Standing) -> Market:
    return Market(
        id=one.market_id,
        liquidity_usd=one.liquidity,
        spread=one.spread,
        spread_volatility=one.volatility,
        rank=one.rank,
        monitored=one.monitored,
    )


def _is_worth_writing(old: Standing, new: Standing) -> bool:
    if old.monitored != new.monitored:
        return True
    figures = ("liquidity", "spread", "volatility", "rank")
    return any(_moved(getattr(old, name), getattr(new, name)) for name in figures)


def _moved(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > _WORTH_WRITING * abs(old)
