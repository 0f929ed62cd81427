"""What is known of moving assets between exchanges."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from apps.core import clock
from apps.markets.enums import Gate, MarketType
from apps.markets.models import CurrencyNetwork, Exchange, Market
from apps.markets.selectors.keys import transfers_trouble
from apps.markets.transfers import Way, route_choose
from apps.markets.types import TransferRoute

# Exchanges are asked every ten minutes; what three times failed to come is not known any more.
KNOWN_FOR: Final = timedelta(minutes=30)

# (instrument, exchange that it leaves, exchange that it goes to)
Wanted: TypeAlias = tuple[str, str, str]


def transfer_between(*, instrument: str, from_exchange: str, to_exchange: str) -> TransferRoute:
    """Whether an asset can be withdrawn from one exchange and deposited at the other, by its instrument's name."""
    wanted = (instrument, from_exchange, to_exchange)
    return transfers_between([wanted])[wanted]


def transfers_between(wanted: Collection[Wanted]) -> dict[Wanted, TransferRoute]:
    """The same for many at once, each (instrument, exchange that it leaves, exchange that it goes to)."""
    exchanges = {name for _, *ends in wanted for name in ends}
    rows = Exchange.objects.in_bulk(exchanges)
    now = clock.now()
    trouble = {name: _unknown(rows.get(name), name, now=now) for name in exchanges}
    currencies = _currencies(exchanges, {instrument for instrument, *_ in wanted})
    networks = _networks(currencies)
    found = {}
    for instrument, source, target in wanted:
        ends = {name: rows[name] for name in (source, target) if name in rows}
        reason = trouble[source] or trouble[target]
        if reason:
            found[instrument, source, target] = _route(Gate.UNKNOWN, reason, ends)
            continue
        out, into = currencies[source, instrument], currencies[target, instrument]
        choice = route_choose(
            [
                Way(row.network, Gate(row.withdraw), row.withdraw_fee, row.withdraw_min)
                for row in networks[source, out.name]
            ],
            [Way(row.network, Gate(row.deposit)) for row in networks[target, into.name]],
        )
        found[instrument, source, target] = _route(choice.state, choice.reason, ends, choice.way, unit=out.unit)
    return found


def _unknown(row: Exchange | None, name: str, *, now: datetime) -> str:
    """Why what is stored of an exchange must not be used, "" where it may."""
    if row is None:
        return f"{name} is not read here"
    trouble = transfers_trouble(row)
    if trouble:
        return trouble
    if row.transfers_checked_at is None:
        return f"{name} has not told its networks yet"
    if now - row.transfers_checked_at > KNOWN_FOR:
        return f"{name} has not told its networks since {row.transfers_checked_at:%H:%M} UTC"
    return ""


@dataclass(frozen=True, slots=True)
class _Currency:
    """What an exchange calls an asset, and how many units of it are in one of that."""

    name: str
    unit: int = 1


def _currencies(exchanges: Collection[str], instruments: Collection[str]) -> dict[tuple[str, str], _Currency]:
    """What each exchange calls each asset: the base of its spot market, else the asset's own name."""
    found = {(exchange, name): _Currency(name) for exchange in exchanges for name in instruments}
    spot = Market.objects.filter(
        exchange__in=exchanges, type=MarketType.SPOT, instrument__in=instruments, active=True
    ).order_by("-multiplier", "-id")
    # The plain coin comes last and so before a pack of a thousand of it.
    for exchange, instrument, base, unit in spot.values_list("exchange_id", "instrument", "base", "multiplier"):
        found[exchange, instrument] = _Currency(base, unit)
    return found


def _networks(currencies: Mapping[tuple[str, str], _Currency]) -> dict[tuple[str, str], list[CurrencyNetwork]]:
    """What is stored of these currencies, by (exchange, currency)."""
    found: dict[tuple[str, str], list[CurrencyNetwork]] = defaultdict(list)
    names = {currency.name for currency in currencies.values()}
    exchanges = {exchange for exchange, _ in currencies}
    for row in CurrencyNetwork.objects.filter(exchange__in=exchanges, currency__in=names).order_by("id"):
        found[row.exchange_id, row.currency].append(row)
    return found


def _route(
    state: Gate, reason: str, rows: dict[str, Exchange], way: Way | None = None, *, unit: int = 1
) -> TransferRoute:
    moments = [row.transfers_checked_at for row in rows.values()]
    return TransferRoute(
        state=state,
        reason=reason,
        network=way.network if way else "",
        withdraw_fee=way.fee if way else None,
        withdraw_min=way.least if way else None,
        checked_at=min((moment for moment in moments if moment), default=None) if all(moments) else None,
        unit=unit,
    )
