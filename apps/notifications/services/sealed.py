"""What only the recipient of a message may read, such as a code: encrypted in the row, opened when it is sent."""

import json
from collections.abc import Mapping

from apps.core import vault
from apps.notifications.models import Notification


def seal(notification: Notification, facts: Mapping[str, str]) -> str:
    """The facts under the vault's key, for this notification alone; "" where there are none."""
    return vault.encrypt(json.dumps(dict(facts)), context=_context(notification)) if facts else ""


def sealed_facts(notification: Notification) -> dict[str, str]:
    """The facts again. Raises OperatorError where no key opens them."""
    if not notification.sealed:
        return {}
    opened: dict[str, str] = json.loads(vault.decrypt(notification.sealed, context=_context(notification)))
    return opened


def _context(notification: Notification) -> str:
    return f"notifications.Notification:{notification.pk}:sealed"
