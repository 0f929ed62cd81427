"""Adapters for calls that need a key, and what happens to a key that is refused."""

import logging

from django.conf import settings

from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.markets import selectors
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.models import Exchange

logger = logging.getLogger(__name__)


def feed_adapter(row: Exchange, kind: SnapshotKind) -> ExchangeAdapter:
    """The adapter that polls this feed; raises PermanentError(code="key_needed") where there is no key to use."""
    if selectors.feed_needs_key(row.id, kind):
        return signed_adapter(row)
    return registry.adapter(row.id, gateway=settings.SANDBOX_URL)


def transfers_adapter(row: Exchange) -> ExchangeAdapter:
    """The adapter that asks for deposits and withdrawals; raises PermanentError(code="key_needed") as well."""
    if selectors.transfers_need_key(row.id):
        return signed_adapter(row)
    return registry.adapter(row.id, gateway=settings.SANDBOX_URL)


def signed_adapter(row: Exchange) -> ExchangeAdapter:
    """The adapter with the operator's key; raises PermanentError(code="key_needed") where there is none to use."""
    key, trouble = selectors.key_of(row.id), selectors.key_trouble(row)
    if key is None or trouble:
        raise PermanentError(trouble, code="key_needed")
    return registry.signed_adapter(row.id, gateway=settings.SANDBOX_URL, key=key)


def key_judge(row: Exchange, error: ArbEdgeError) -> None:
    """After a call with our key: if the error says that it is refused, it is not used again until it changes."""
    key = selectors.key_of(row.id)
    if error.code != "key_refused" or key is None:
        return
    Exchange.objects.filter(id=row.id).update(key_problem=error.message[:500], key_refused=key.fingerprint)
    logger.error("%s; not used again until EXCHANGE_KEYS has another one", error.message)


def key_works(row: Exchange) -> None:
    """A call that needs the key was answered: an older key's trouble is over."""
    if row.key_problem:
        Exchange.objects.filter(id=row.id).update(key_problem="", key_refused="")
