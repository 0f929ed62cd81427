"""Deposits and withdrawals of an exchange's currencies, network by network."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Final

from django.db import transaction

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError
from apps.markets import selectors
from apps.markets.enums import Gate
from apps.markets.exchanges.transfers import NetworkSpec
from apps.markets.models import CurrencyNetwork, Exchange
from apps.markets.services import guard, keys

logger = logging.getLogger(__name__)

DEADLINE_S: Final = 30.0
_TOLD: Final = ("deposit", "withdraw", "withdraw_fee", "withdraw_min")
_QUANTUM: Final = Decimal("1e-18")
# 36 digits, as the column; the default context stops at 28.
_WIDE: Final = Context(prec=40)
_LONGEST_CODE: Final = 40
_GATES: Final = {True: Gate.OPEN, False: Gate.CLOSED, None: Gate.UNKNOWN}


@dataclass(frozen=True, slots=True)
class TransfersReport:
    """What a sync found: networks, and how many rows it created, changed and deleted."""

    exchange: str
    networks: int
    created: int
    changed: int
    deleted: int


def transfers_sync(*, exchange: str) -> TransfersReport | None:
    """Ask an exchange which deposits and withdrawals are open, and write what changed. None where its breaker is open.

    Raises core errors; what was known stays then, until it is too old to be used. A key that is refused is not used
    again until it changes."""
    row = Exchange.objects.get(id=exchange)
    adapter = keys.transfers_adapter(row)
    if not guard.breaker(exchange).allow():
        return None
    signed = selectors.transfers_need_key(exchange)
    try:
        specs = loop.run(adapter.networks(), timeout=DEADLINE_S).value
    except ArbEdgeError as error:
        guard.failure_note(exchange, error)
        if signed:
            keys.key_judge(row, error)
        raise
    guard.breaker(exchange).success()
    if signed:
        keys.key_works(row)
    report = _write(exchange, specs, now=clock.now())
    logger.info(
        "%s: %d networks (%d new, %d changed, %d gone)",
        exchange,
        report.networks,
        report.created,
        report.changed,
        report.deleted,
    )
    return report


def _write(exchange: str, specs: Iterable[NetworkSpec], *, now: datetime) -> TransfersReport:
    told = {
        (spec.currency, spec.network): _values(spec)
        for spec in specs
        if max(len(spec.currency), len(spec.network)) <= _LONGEST_CODE
    }
    with transaction.atomic():
        existing = {(row.currency, row.network): row for row in CurrencyNetwork.objects.filter(exchange=exchange)}
        created = [
            CurrencyNetwork(exchange_id=exchange, currency=place[0], network=place[1], changed_at=now, **values)
            for place, values in told.items()
            if place not in existing
        ]
        changed = [
            _updated(existing[place], values, now=now)
            for place, values in told.items()
            if place in existing and any(getattr(existing[place], name) != values[name] for name in _TOLD)
        ]
        gone = [row.id for place, row in existing.items() if place not in told]
        CurrencyNetwork.objects.bulk_create(created, batch_size=500)
        CurrencyNetwork.objects.bulk_update(changed, (*_TOLD, "changed_at"), batch_size=100)
        for start in range(0, len(gone), 500):
            CurrencyNetwork.objects.filter(id__in=gone[start : start + 500]).delete()
        Exchange.objects.filter(id=exchange).update(transfers_checked_at=now)
    return TransfersReport(exchange, len(told), len(created), len(changed), len(gone))


def _values(spec: NetworkSpec) -> dict[str, Any]:
    return {
        "deposit": _GATES[spec.deposit],
        "withdraw": _GATES[spec.withdraw],
        "withdraw_fee": _stored(spec.withdraw_fee),
        "withdraw_min": _stored(spec.withdraw_min),
    }


def _stored(value: Decimal | None) -> Decimal | None:
    """As the column keeps it."""
    return None if value is None else value.quantize(_QUANTUM, context=_WIDE)


def _updated(row: CurrencyNetwork, values: dict[str, Any], *, now: datetime) -> CurrencyNetwork:
    for name in _TOLD:
        setattr(row, name, values[name])
    row.changed_at = now
    return row
