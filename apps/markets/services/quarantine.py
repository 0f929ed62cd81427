"""Namesakes with prices that can't be of one asset are kept apart until an operator decides what they are."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction

from apps.core import events, redis
from apps.core.exceptions import PermanentError
from apps.markets import selectors
from apps.markets.enums import QuarantineState
from apps.markets.events import QuarantineOpened
from apps.markets.models import InstrumentAlias, Market, Quarantine
from apps.markets.namesakes import Stranger, strangers
from apps.markets.prices import prices_of
from apps.markets.services.changes import markets_changed
from apps.markets.services.identity import name_rule_save
from apps.markets.types import Latest, MarketTable

logger = logging.getLogger(__name__)

# A glitch is over sooner; two assets of one name stay two.
RUNS: Final = 3
# Runs are in a row only if none is missing for longer than this.
_STRIKES_TTL_S: Final = 60
_STRIKES_KEY: Final = "markets:quarantine:strikes"


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """What one look came to: markets with a price, strangers among their namesakes, and those quarantined now."""

    priced: int
    strangers: int
    opened: tuple[int, ...]


def quarantine_check(*, latest: Latest, now: datetime) -> QuarantineReport:
    """Compare the latest prices of each instrument in one currency (at live rates); a market that is a stranger to its
    namesakes RUNS times in a row is quarantined: a row that waits for a decision, and `QuarantineOpened`.

    What an operator called the same asset stays released. Raises redis.RedisError where the count can't be kept."""
    table = selectors.market_table(whole=True)
    limit = float(settings.MAX_PRICE_RATIO)
    price = prices_of(table, latest, max_spread=limit).per_unit
    apart = strangers(table.instrument_code, table.exchange_code, price, max_ratio=limit)
    found = {int(table.market_id[one.row]): one for one in apart}
    settled = Quarantine.objects.exclude(state=QuarantineState.DIFFERENT).filter(market__in=found)
    suspects = found.keys() - set(settled.values_list("market_id", flat=True))
    ripe = _strikes(suspects)
    opened = _open({market_id: found[market_id] for market_id in sorted(ripe)}, table, now)
    return QuarantineReport(int(np.isfinite(price).sum()), len(found), opened)


def quarantine_decide(*, market_ids: Iterable[int], state: QuarantineState, by: str, now: datetime) -> int:
    """Settle what these markets are, how many of them were waiting or decided otherwise.

    SAME releases them for good. DIFFERENT gives the asset a name of its own on that exchange, by an alias that counts
    at once for every market of that base there. Raises PermanentError(code="undecided") for PENDING, which is no
    decision, and ValidationError where the alias can't be made; then nothing is changed."""
    if state is QuarantineState.PENDING:
        raise PermanentError("Say whether it is the same asset or another one.", code="undecided")
    with transaction.atomic():
        rows = Quarantine.objects.select_related("market").filter(market__in=list(market_ids)).exclude(state=state)
        decided = list(rows)
        for row in decided:
            row.state, row.decided_at, row.decided_by = state, now, by[:150]
            row.save(update_fields=["state", "decided_at", "decided_by"])
            if state is QuarantineState.DIFFERENT:
                _alias(row.market, by)
        markets_changed(exchanges={row.market.exchange_id for row in decided})
    return len(decided)


def _strikes(suspects: Collection[int]) -> set[int]:
    """Count a run for each suspect, forget the others; those that have had enough of them."""
    kept = redis.state().get(_STRIKES_KEY)
    before: Mapping[int, int] = msgspec.msgpack.decode(kept, type=dict[int, int]) if isinstance(kept, bytes) else {}
    counted = {market_id: before.get(market_id, 0) + 1 for market_id in suspects}
    redis.state().set(_STRIKES_KEY, msgspec.msgpack.encode(counted), ex=_STRIKES_TTL_S)
    return {market_id for market_id, count in counted.items() if count >= RUNS}


def _open(ripe: Mapping[int, Stranger], table: MarketTable, now: datetime) -> tuple[int, ...]:
    if not ripe:
        return ()
    with transaction.atomic():
        for market_id, one in ripe.items():
            others = [_name(table, row) for row in one.others]
            Quarantine.objects.update_or_create(
                market_id=market_id,
                defaults={
                    "state": QuarantineState.PENDING,
                    "ratio": one.ratio,
                    "compared_with": _listed(others),
                    "since": now,
                    "decided_at": None,
                    "decided_by": "",
                },
            )
            logger.warning(
                "Quarantined: %s costs %.4g times as much as %s", _name(table, one.row), one.ratio, _listed(others)
            )
            events.publish(
                QuarantineOpened(
                    market_id=market_id,
                    exchange=table.exchange[table.exchange_code[one.row]],
                    symbol=table.symbol[one.row],
                    instrument=table.instruments[table.instrument_code[one.row]],
                    ratio=one.ratio,
                )
            )
        markets_changed(exchanges={table.exchange[table.exchange_code[one.row]] for one in ripe.values()})
    return tuple(ripe)


def _alias(market: Market, by: str) -> None:
    own = f"{market.base}@{market.exchange_id}"
    alias = InstrumentAlias.objects.filter(exchange=market.exchange_id, base=market.base).first()
    alias = alias or InstrumentAlias(exchange_id=market.exchange_id, base=market.base)
    alias.instrument, alias.multiplier, alias.note = own, 1, f"told apart by {by}"[:200]
    name_rule_save(rule=alias)
    # The sync that this rings says the same; until then no pair must be made under the old name.
    Market.objects.filter(exchange=market.exchange_id, base=market.base).update(instrument=own, multiplier=1)


def _name(table: MarketTable, row: int) -> str:
    return f"{table.exchange[table.exchange_code[row]]} {table.symbol[row]}"


def _listed(names: list[str], most: int = 300) -> str:
    """The names with commas, or as many as fit and how many more there are."""
    text = ", ".join(names)
    shown = len(names)
    while len(text) > most:
        shown -= 1
        text = f"{', '.join(names[:shown])} and {len(names) - shown} more"
    return text
