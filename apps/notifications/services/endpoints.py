"""Endpoints: where a person can be reached, with their secrets in the vault."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from apps.core import clock, vault
from apps.core.exceptions import PermanentError
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Endpoint

REASON_LENGTH = 300


@transaction.atomic
def endpoint_create(
    *,
    user_id: UUID,
    channel: str,
    address: str,
    credentials: Mapping[str, str] | None = None,
    label: str = "",
    route: int = 0,
    position: int = 0,
    verified: bool = False,
) -> Endpoint:
    """Store an address of a person, or give the one they already have these values and switch it on again.

    Nothing is sent there before it is verified. PermanentError(code="bad_address" | "bad_credentials") says what does
    not fit the channel, OperatorError that there is no such channel."""
    kind = CHANNELS.get(channel)
    given = dict(credentials or {})
    kind.credentials_check(given)
    now = clock.now()
    cleaned = kind.address_clean(address)
    if len(cleaned) > Endpoint._meta.get_field("address").max_length:  # type: ignore[operator]
        raise PermanentError("The address is too long.", code="bad_address")
    row = Endpoint.objects.filter(user_id=user_id, channel=channel, address=cleaned).first()
    if row is None:
        row = Endpoint(user_id=user_id, channel=channel, address=cleaned, created_at=now)
    row.label, row.route, row.position = label, route, position
    row.disabled_at, row.disabled_reason = None, ""
    row.verified_at = (row.verified_at or now) if verified else None
    row.credentials = vault.encrypt(json.dumps(given), context=_context(row)) if given else ""
    row.save()
    return row


def endpoint_disable(*, endpoint_id: UUID, reason: str) -> bool:
    """Switch an endpoint off with the reason its owner is shown; False where it already was (its reason stays)."""
    active = Endpoint.objects.filter(pk=endpoint_id, disabled_at__isnull=True)
    return active.update(disabled_at=clock.now(), disabled_reason=reason[:REASON_LENGTH]) == 1


def endpoint_move(*, endpoint: Endpoint, address: str) -> None:
    """The provider says the recipient has a new address: use it from now on."""
    same = Endpoint.objects.filter(user_id=endpoint.user_id, channel=endpoint.channel, address=address)
    # Two messages of one flush can bring the same news; the second must not take the first one's move for a rival.
    if same.exclude(pk=endpoint.pk).exists():
        endpoint_disable(endpoint_id=endpoint.pk, reason="It moved to an address that is an endpoint of its own.")
    else:
        Endpoint.objects.filter(pk=endpoint.pk).update(address=address)


def endpoint_credentials(endpoint: Endpoint) -> dict[str, str]:
    """The decrypted secrets, for sending only. Raises OperatorError where no key opens them."""
    if not endpoint.credentials:
        return {}
    opened: dict[str, str] = json.loads(vault.decrypt(endpoint.credentials, context=_context(endpoint)))
    return opened


def _context(endpoint: Endpoint) -> str:
    return f"notifications.Endpoint:{endpoint.pk}:credentials"
