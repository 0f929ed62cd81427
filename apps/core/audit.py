"""The audit trail: who did what, with values that nobody should read masked before they are written."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from apps.core import clock
from apps.core.models import AuditRecord


def record(
    *,
    actor_id: object,
    action: str,
    target: str,
    changes: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> AuditRecord:
    """Append one record, in the caller's transaction so that it stands or falls with what it tells.

    `actor_id` is the user's id or None for the system, `action` "entity.verb", `target` "app.Model:pk"; secrets in
    `changes` must already be masked (`vault.mask`)."""
    return AuditRecord.objects.create(
        at=clock.wall_now(),
        actor_id="" if actor_id is None else str(actor_id),
        action=action,
        target=target,
        changes=dict(changes or {}),
        address=None if request is None else request.META.get("REMOTE_ADDR") or None,
        request_id="" if request is None else str(request.headers.get("X-Request-Id", ""))[:64],
    )
