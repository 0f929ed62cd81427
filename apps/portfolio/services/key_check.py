"""Asking an exchange about one person's key: whether it works, and what it may do.

The client is made for this one check and closed after it. Nothing of it is kept, so that no feed ever goes out with a
person's key and no person's call with the operator's."""

import logging
import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from apps.accounts.enums import KeyRights
from apps.accounts.selectors.exchange_keys import exchange_keys_due
from apps.accounts.services import exchange_keys
from apps.accounts.types import ExchangeKeyDue, OpenedKey
from apps.core import events, loop
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError
from apps.markets.exchanges import registry
from apps.markets.exchanges.credentials import Credentials
from apps.portfolio.key_rights.registry import READERS

logger = logging.getLogger(__name__)

DEADLINE_S: Final = 30.0
# Rung in one go; the others a minute later.
BATCH: Final = 200
# What many exchanges answer where a key is bound to addresses and ours is none of them.
_ADDRESS: Final = re.compile(r"\bip\b", re.IGNORECASE)
_TODO: Final = {
    "key_refused": "Check that it was copied whole and still exists at the exchange, then have it checked again.",
    "ip_refused": "The exchange did not let in the address of this installation, or does not know the key: look at "
    "what the key is bound to, and that it still exists; then have it checked again.",
    "restricted": "The exchange does not serve the place where this installation runs.",
}


def exchange_keys_ring(*, now: datetime) -> int:
    """Ring the checks that are due; how many."""
    due = exchange_keys_due(now=now, at_most=BATCH)
    for key_id in due:
        events.publish(ExchangeKeyDue(key_id))
    return len(due)


def exchange_key_check(*, key_id: UUID, now: datetime) -> None:
    """Check a key whose check is due and write down what was found; nothing where none is due."""
    try:
        key = exchange_keys.exchange_key_open(key_id=key_id, now=now)
    except OperatorError as error:
        _not_ours(key_id, error.message, now)
        return
    if key is None:
        return
    try:
        rights = _rights(key)
    except PermanentError as error:
        code = _code(error)
        reason = _unsigned(f"{error.message}. {_TODO.get(code, '')}".strip(), key)
        exchange_keys.exchange_key_refuse(key_id=key.id, code=code, reason=reason, now=now)
    except TemporaryError as error:
        wait_s = getattr(error, "retry_after", None) or error.details.get("retry_after")
        exchange_keys.exchange_key_postpone(
            key_id=key.id,
            code=error.code,
            reason=_unsigned(error.message, key),
            now=now,
            not_before=now + timedelta(seconds=wait_s) if wait_s else None,
        )
    except OperatorError as error:
        _not_ours(key.id, _unsigned(error.message, key), now)
    else:
        exchange_keys.exchange_key_found(key_id=key.id, rights=rights, now=now)


def _not_ours(key_id: UUID, trouble: str, now: datetime) -> None:
    """The operator has to mend something: the key is not to blame, and is asked about again."""
    logger.error("Exchange key %s can't be checked: %s", key_id, trouble)
    exchange_keys.exchange_key_postpone(
        key_id=key_id, code="not_checked", reason="It could not be checked here; the operator is told.", now=now
    )


def _rights(key: OpenedKey) -> KeyRights:
    """What the exchange says the key may do. Raises core errors only."""
    reader = READERS.get(key.exchange)()
    client = registry.single_use_client(key.exchange, gateway=settings.SANDBOX_URL, key=Credentials(key.credentials))

    async def ask() -> KeyRights:
        try:
            return await reader.rights(client)
        finally:
            await client.close()

    return loop.run(ask(), timeout=DEADLINE_S)


def _code(error: PermanentError) -> str:
    return "ip_refused" if error.code == "key_refused" and _ADDRESS.search(error.message) else error.code


def _unsigned(text: str, key: OpenedKey) -> str:
    """The text without any part of the key, which some exchanges repeat in their refusals."""
    for value in key.credentials.values():
        text = text.replace(value, "••••")
    return text
