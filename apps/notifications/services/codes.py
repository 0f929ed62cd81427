"""Proving that an address is its owner's: a code sent there and given back, or a link followed from there."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core import clock, limits
from apps.core.exceptions import PermanentError, ThrottledError
from apps.core.limits import Demand, Limit
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import Priority
from apps.notifications.exceptions import CodeRefused
from apps.notifications.models import Endpoint, EndpointCode
from apps.notifications.services.channels import channel_get
from apps.notifications.services.endpoints import endpoint_create, endpoint_verify
from apps.notifications.services.notifications import notification_create

CODE_DIGITS = 8
CODE_LIVES = timedelta(minutes=15)
LINK_LIVES = timedelta(minutes=15)
# With eight digits and five tries, one guess in twenty million succeeds.
TRIES_MAX = 5
# An address somebody else typed must not become a way to pester its owner, nor an account a way to pester many.
PER_USER = (Limit(5, 600), Limit(20, 86_400))
PER_ADDRESS = (Limit(3, 600), Limit(10, 86_400))
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class StartLink:
    """A link that tells us a chat when its owner follows it, and until when it does."""

    url: str
    expires_at: datetime


def code_send(*, endpoint_id: UUID, now: datetime) -> EndpointCode:
    """Send a new code to an endpoint that is not verified; earlier ones count no longer.

    Raises PermanentError(code="already_verified" | "endpoint_off"), ThrottledError(code="too_many_codes") and
    TemporaryError(code="limits_away")."""
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    if endpoint.verified_at is not None:
        raise PermanentError("This endpoint is verified already.", code="already_verified")
    if endpoint.disabled_at is not None:
        raise PermanentError("This endpoint is switched off: add it again to have a new code.", code="endpoint_off")
    _paced(endpoint)
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    with transaction.atomic():
        EndpointCode.objects.filter(endpoint=endpoint, used_at__isnull=True).update(expires_at=now)
        row = EndpointCode(
            user_id=endpoint.user_id,
            endpoint=endpoint,
            channel=endpoint.channel,
            created_at=now,
            expires_at=now + CODE_LIVES,
        )
        row.digest = _digest(f"{row.pk}:{code}")
        row.save(force_insert=True)
        notification_create(
            user_id=endpoint.user_id,
            template="notice",
            context={},
            sealed={
                "title": "Confirm this address for ArbEdge",
                "text": f"Your code is {code}. It works for {CODE_LIVES.seconds // 60} minutes. "
                "If you did not ask for it, ignore this message: nothing else will be sent here.",
            },
            priority=Priority.HIGH,
            dedupe_key=f"endpoint-code:{row.pk}",
            expires_at=row.expires_at,
            now=now,
            endpoint_id=endpoint.pk,
            confirms=True,
        )
    return row


def code_confirm(*, endpoint_id: UUID, code: str, now: datetime) -> Endpoint:
    """Verify an endpoint with the code that was sent there.

    CodeRefused says whether it is wrong (and how many tries are left), too old, or was never sent."""
    given = "".join(code.split())
    # Counted for good before the code is looked at: guesses side by side must not share a try.
    counted = EndpointCode.objects.filter(
        endpoint_id=endpoint_id, used_at__isnull=True, expires_at__gt=now, tries__lt=TRIES_MAX
    ).update(tries=F("tries") + 1)
    row = EndpointCode.objects.filter(endpoint_id=endpoint_id, used_at__isnull=True, expires_at__gt=now).first()
    if not counted or row is None:
        raise CodeRefused("There is no code that still counts: ask for a new one.", code="code_expired")
    if not hmac.compare_digest(row.digest, _digest(f"{row.pk}:{given}")):
        left = max(0, TRIES_MAX - row.tries)
        raise CodeRefused(f"This is not the code that was sent; {left} more tries.", code="code_wrong")
    with transaction.atomic():
        EndpointCode.objects.filter(pk=row.pk).update(used_at=now)
        endpoint_verify(endpoint_id=endpoint_id)
    return Endpoint.objects.get(pk=endpoint_id)


def link_start(*, user_id: UUID, channel: str, now: datetime) -> StartLink:
    """A link by which the user tells us their chat; earlier ones count no longer.

    Raises PermanentError(code="no_link") for channels that have none, ChannelOffError where a setting is missing,
    ThrottledError(code="too_many_codes")."""
    token = secrets.token_urlsafe(24)
    url = channel_get(channel).start_url(token)
    if not url:
        raise PermanentError(
            f"{CHANNELS.get(channel).label} has no such link: add the endpoint with its address.", code="no_link"
        )
    _granted([Demand(f"notify:codes:user:{user_id}", PER_USER)])
    with transaction.atomic():
        mine = EndpointCode.objects.filter(user_id=user_id, channel=channel, endpoint__isnull=True)
        mine.filter(used_at__isnull=True, expires_at__gt=now).update(expires_at=now)
        row = EndpointCode.objects.create(
            user_id=user_id, channel=channel, digest=_digest(token), created_at=now, expires_at=now + LINK_LIVES
        )
    return StartLink(url, row.expires_at)


def link_follow(*, channel: str, token: str, address: str, now: datetime) -> Endpoint:
    """The link was followed from `address`: it becomes a verified endpoint of whoever asked for the link.

    Raises CodeRefused for a link that is unknown, used or too old, PermanentError where the address can't be one."""
    with transaction.atomic():
        row = EndpointCode.objects.select_for_update().filter(digest=_digest(token), channel=channel).first()
        if row is None or row.endpoint_id is not None or row.used_at is not None or row.expires_at <= now:
            raise CodeRefused("This link has been used or is too old: ask for a new one.", code="link_expired")
        endpoint = endpoint_create(user_id=row.user_id, channel=channel, address=address, verified=True)
        row.used_at, row.endpoint = now, endpoint
        row.save(update_fields=["used_at", "endpoint"])
    return endpoint


def codes_prune(*, now: datetime) -> int:
    """Delete codes and links that stopped counting long ago; how many."""
    deleted, _ = EndpointCode.objects.filter(expires_at__lt=now - KEPT).delete()
    return deleted


def _paced(endpoint: Endpoint) -> None:
    address = hashlib.sha256(f"{endpoint.channel}:{endpoint.address}".encode()).hexdigest()[:24]
    _granted(
        [
            Demand(f"notify:codes:user:{endpoint.user_id}", PER_USER),
            Demand(f"notify:codes:to:{address}", PER_ADDRESS),
        ]
    )


def _granted(demands: list[Demand]) -> None:
    [wait_s] = limits.acquire([demands])
    if wait_s > 0:
        at = (clock.now() + timedelta(seconds=wait_s)).strftime("%H:%M UTC")
        raise ThrottledError(f"Enough codes for now; the next one at {at}.", retry_after=wait_s, code="too_many_codes")


def _digest(text: str) -> str:
    # Keyed, because eight digits are soon tried through by whoever reads the table.
    return hmac.new(settings.SECRET_KEY.encode(), b"endpoint-code:" + text.encode(), hashlib.sha256).hexdigest()
