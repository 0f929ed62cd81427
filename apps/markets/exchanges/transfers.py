"""Which currencies an exchange lets in and out, network by network."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.core.money import to_decimal

# An exchange that tells the state of a currency, but not of its networks, tells that of every one of them.
EVERY_NETWORK: Final = ""
# Columns hold 18 digits before the point.
_WIDEST: Final = 1e18


@dataclass(frozen=True, slots=True)
class TransfersCall:
    """The bulk call for the states of deposits and withdrawals; `signed`: only holders of a key are told.

    `source` is the page of the exchange's documentation that says so. `fields` are the raw fields of deposits and of
    withdrawals in a network's row, where ccxt makes open or closed of a field that is missing."""

    source: str
    method: str = "fetch_currencies"
    signed: bool = False
    fields: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One currency on one network (ccxt's unified codes; `EVERY_NETWORK`), None where the exchange does not say.

    Fee and least amount of a withdrawal are in units of the currency; a fee of zero is told, not assumed."""

    currency: str
    network: str
    deposit: bool | None
    withdraw: bool | None
    withdraw_fee: Decimal | None = None
    withdraw_min: Decimal | None = None


def network_specs(
    currencies: Mapping[str, Mapping[str, Any]], *, fields: tuple[str, str] | None = None
) -> list[NetworkSpec]:
    """The networks in ccxt's currencies. ccxt's own state of a whole currency is open where any network is, so it does
    not count; `fields` as in `TransfersCall`."""
    return [
        _spec(code, network, row or {}, fields)
        for code, currency in currencies.items()
        for network, row in (currency.get("networks") or {}).items()
    ]


def currency_specs(states: Iterable[tuple[str, bool | None, bool | None]]) -> list[NetworkSpec]:
    """Of an exchange that tells (code, deposit, withdraw) for all networks of a currency together. Open is more than it
    says: some network may still be closed."""
    return [
        NetworkSpec(code, EVERY_NETWORK, None if deposit else deposit, None if withdraw else withdraw)
        for code, deposit, withdraw in states
    ]


def _spec(code: str, network: str, row: Mapping[str, Any], fields: tuple[str, str] | None) -> NetworkSpec:
    raw, states = row.get("info") or {}, [row.get("deposit"), row.get("withdraw")]
    if fields:
        states = [state if raw.get(field) is not None else None for state, field in zip(states, fields, strict=True)]
    least = ((row.get("limits") or {}).get("withdraw") or {}).get("min")
    return NetworkSpec(
        currency=code,
        network=network,
        deposit=_flag(states[0]),
        withdraw=_flag(states[1]),
        withdraw_fee=_amount(row.get("fee")),
        withdraw_min=_amount(least),
    )


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _amount(value: Any) -> Decimal | None:
    """A number of at least zero; anything else is not told."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return to_decimal(value) if math.isfinite(number) and 0 <= number < _WIDEST else None
