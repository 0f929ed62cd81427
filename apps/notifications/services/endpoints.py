"""Endpoints: where a person can be reached, with their secrets in the vault."""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.accounts.services import users_hold
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
    label: str | None = None,
    route: int | None = None,
    position: int | None = None,
    verified: bool = False,
    group: bool = False,
) -> Endpoint:
    """Store an address of a person, or give the one they already have these values and switch it on again; of label,
    route and position what is not given stays as it was.

    Nothing is sent there before it is verified. `group` says that many people read there: such an address is on none of
    the person's routes. PermanentError(code="bad_address" | "bad_credentials") says what does not fit the channel,
    "group_address" that a group is no private address, "endpoint_taken" that it is of the other sort already;
    OperatorError that there is no such channel."""
    # Two requests at once must not both find the address unknown.
    users_hold([user_id])
    kind = CHANNELS.get(channel)
    cleaned, given = kind.parted(address, credentials or {})
    kind.credentials_check(given)
    now = clock.now()
    if len(cleaned) > Endpoint._meta.get_field("address").max_length:  # type: ignore[operator]
        raise PermanentError("The address is too long.", code="bad_address")
    if kind.is_group(cleaned) and not group:
        raise PermanentError(
            "This is a group or a channel. Alerts go to private chats, unless the group is registered for them.",
            code="group_address",
        )
    row = Endpoint.objects.filter(user_id=user_id, channel=channel, address=cleaned).first()
    if row is None:
        row = Endpoint(user_id=user_id, channel=channel, address=cleaned, group=group, created_at=now)
    if row.group is not group:
        other = "a group" if row.group else "your own messages"
        raise PermanentError(f"This address is in use for {other} already.", code="endpoint_taken")
    for name, value in {"label": label, "route": route, "position": position}.items():
        if value is not None:
            setattr(row, name, value)
    row.disabled_at, row.disabled_reason, row.removed_at = None, "", None
    row.verified_at = (row.verified_at or now) if verified else None
    row.credentials = vault.encrypt(json.dumps(given), context=_context(row)) if given else ""
    row.save()
    return row


ENDPOINTS_MAX = 20


@transaction.atomic
def endpoint_add(
    *,
    user_id: UUID,
    channel: str,
    address: str,
    credentials: Mapping[str, str] | None = None,
    label: str = "",
    route: int = 0,
    position: int = 0,
) -> tuple[Endpoint, dict[str, str] | None]:
    """A new endpoint that its owner adds, with the credentials that the house made for it; None instead of those where
    it is in use already, and nothing was changed.

    Errors as of `endpoint_create`; PermanentError(code="too_many_endpoints") where there are enough."""
    users_hold([user_id])
    kind = CHANNELS.get(channel)
    made = {name: value for name, value in kind.credentials_new().items() if name not in (credentials or {})}
    cleaned, _ = kind.parted(address, credentials or {})
    mine = Endpoint.objects.filter(user_id=user_id, removed_at__isnull=True)
    known = mine.filter(channel=channel, address=cleaned, disabled_at__isnull=True).first()
    if known is not None:
        return known, None
    if mine.count() >= ENDPOINTS_MAX:
        raise PermanentError(
            f"You have {ENDPOINTS_MAX} endpoints, which is the most: remove one first.", code="too_many_endpoints"
        )
    endpoint = endpoint_create(
        user_id=user_id,
        channel=channel,
        address=address,
        credentials={**(credentials or {}), **made},
        label=label,
        route=route,
        position=position,
    )
    return endpoint, made


def endpoint_change(
    *,
    endpoint_id: UUID,
    label: str | None = None,
    route: int | None = None,
    position: int | None = None,
    credentials: Mapping[str, str] | None = None,
) -> Endpoint:
    """Change what is given; an address that was verified stays so, as it is the same one.

    `credentials` replace all that there were; PermanentError(code="bad_credentials") says what does not fit."""
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint_id)
        given = {"label": label, "route": route, "position": position}
        for name, value in given.items():
            if value is not None:
                setattr(row, name, value)
        if credentials is not None:
            CHANNELS.get(row.channel).credentials_check(credentials)
            row.credentials = vault.encrypt(json.dumps(dict(credentials)), context=_context(row)) if credentials else ""
        row.save(update_fields=["label", "route", "position", "credentials"])
    return row


def endpoint_remove(*, endpoint_id: UUID, now: datetime) -> None:
    """Its owner takes it away: nothing is sent there, its secrets are gone, and nobody sees it in a list.

    The row itself stays while the history of deliveries refers to it, and at least until the next `prune`: whoever is
    about to owe a message there, to many people perhaps, must not find it gone."""
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint_id)
        row.removed_at, row.verified_at, row.credentials = now, None, ""
        if row.disabled_at is None:
            row.disabled_at, row.disabled_reason = now, "Removed by its owner."
        row.save(update_fields=["removed_at", "verified_at", "credentials", "disabled_at", "disabled_reason"])


def endpoint_verify(*, endpoint_id: UUID) -> bool:
    """Its owner, or an operator for them, has confirmed it: messages may go there. False where it already was."""
    return Endpoint.objects.filter(pk=endpoint_id, verified_at__isnull=True).update(verified_at=clock.now()) == 1


def endpoint_disable(*, endpoint_id: UUID, reason: str) -> bool:
    """Switch an endpoint off with the reason its owner is shown; False where it already was (its reason stays)."""
    active = Endpoint.objects.filter(pk=endpoint_id, disabled_at__isnull=True)
    return active.update(disabled_at=clock.now(), disabled_reason=reason[:REASON_LENGTH]) == 1


def endpoint_move(*, endpoint: Endpoint, address: str) -> None:
    """The provider says the recipient has a new address: use it from now on, unless it turns a private one into a
    group's."""
    if CHANNELS.get(endpoint.channel).is_group(address) and not endpoint.group:
        endpoint_disable(endpoint_id=endpoint.pk, reason="It moved to a group, which is no private address.")
        return
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
