"""Switching an endpoint off by a link in its own messages (RFC 8058)."""

from uuid import UUID

from django.conf import settings
from django.core import signing

from apps.core.exceptions import PermanentError
from apps.notifications.models import Endpoint
from apps.notifications.services.endpoints import endpoint_disable

REASON = "Switched off by a link in one of its messages."
# Signed and without an end: mail is read late, and all the link can do is undone with one click.
_signer = signing.Signer(sep=".", salt="notifications.unsubscribe")


def unsubscribe_url(endpoint_id: UUID) -> str:
    """The link for messages to this endpoint."""
    return f"{settings.PUBLIC_URL}/api/v1/notifications/unsubscribe/{_signer.sign(endpoint_id.hex)}"


def unsubscribe_endpoint(token: str) -> Endpoint:
    """The endpoint that a link's token means. PermanentError(code="not_found") where it is none of ours."""
    try:
        endpoint = Endpoint.objects.filter(pk=UUID(_signer.unsign(token))).first()
    except (signing.BadSignature, ValueError):
        endpoint = None
    if endpoint is None:
        raise PermanentError("This link is not one of ours, or its endpoint is gone.", code="not_found")
    return endpoint


def unsubscribe(token: str) -> bool:
    """Switch the endpoint off; False where it already was. PermanentError(code="not_found") as above."""
    return endpoint_disable(endpoint_id=unsubscribe_endpoint(token).pk, reason=REASON)
