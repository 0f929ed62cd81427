"""The operator's keys for market data, and whether one may be used."""

from django.conf import settings

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.credentials import Credentials
from apps.markets.models import Exchange


def key_of(exchange: str) -> Credentials | None:
    """The configured key of an exchange; None where there is none."""
    fields = settings.EXCHANGE_KEYS.get(exchange)
    return Credentials(fields) if fields else None


def key_trouble(row: Exchange) -> str:
    """Why calls for holders of a key can't be made at this exchange, with what to do; "" where they can."""
    key = key_of(row.id)
    if key is None:
        return f"{row.id} tells this only to holders of a key: put a read-only one into EXCHANGE_KEYS"
    if row.key_problem and row.key_refused == key.fingerprint:
        return f"{row.key_problem}; put another one into EXCHANGE_KEYS"
    return ""


def feed_key_trouble(row: Exchange, kind: SnapshotKind) -> str:
    """The same for one feed; "" also where it needs no key."""
    return key_trouble(row) if feed_needs_key(row.id, kind) else ""


def feed_needs_key(exchange: str, kind: SnapshotKind) -> bool:
    """Whether a feed is for holders of a key only."""
    call = registry.adapter_class(exchange).capabilities.quotes.get(kind)
    return bool(call and call.signed)


def transfers_need_key(exchange: str) -> bool:
    """Whether deposits and withdrawals are told to holders of a key only."""
    call = registry.adapter_class(exchange).capabilities.transfers
    return bool(call and call.signed)


def transfers_trouble(row: Exchange) -> str:
    """Why an exchange's deposits and withdrawals can't be asked for; "" where they can."""
    if registry.adapter_class(row.id).capabilities.transfers is None:
        return f"{row.id} does not tell which deposits and withdrawals are open"
    return key_trouble(row) if transfers_need_key(row.id) else ""
