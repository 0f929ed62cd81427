"""The audit trail: who did what, with values that nobody should read masked before they are written."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest

from apps.core import audit_chain, caller, clock
from apps.core.models import AuditRecord

MASK = "••••"
# What readers are shown of a record, in this order.
COLUMNS: Final = (
    "id",
    "at",
    "actor_id",
    "action",
    "target",
    "changes",
    "address",
    "agent",
    "request_id",
    "position",
    "digest",
)
# What a secret is called, and what ours and others' look like wherever they stand.
_SECRET_NAME = re.compile(
    r"pass(word|phrase)|secret|token|credential|authorization|cookie|api.?key|private.?key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"\b(?:arbs?_[\w-]{16,}|whsec_[\w+/=-]{16,}|\d{6,}:[\w-]{30,})|(?<=Bearer )\S+")
# Said of a secret, not the secret.
_ABOUT = frozenset({"", "changed", "added", "removed", MASK})


def record(
    *,
    actor_id: object,
    action: str,
    target: str,
    changes: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> AuditRecord:
    """Append one record, in the caller's transaction so that it stands or falls with what it tells; it joins the chain
    right after the commit (`audit_chain`).

    `actor_id` is the user's id or None for the system, `action` "entity.verb", `target` "app.Model:pk". Where no
    `request` is given, the one that is being answered counts. Secrets in `changes` should be left out or masked
    (`vault.mask`) by whoever knows them; what is called or looks like one is masked here in any case."""
    origin = caller.current() if request is None else caller.caller_of(request)
    row = AuditRecord.objects.create(
        at=clock.wall_now(),
        actor_id="" if actor_id is None else str(actor_id),
        action=action,
        target=target,
        changes={str(name): _masked(str(name), value) for name, value in (changes or {}).items()},
        address=origin.address,
        agent=origin.agent,
        request_id=origin.request_id or caller.current().request_id,
    )
    transaction.on_commit(audit_chain.seal, robust=True)
    return row


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _masked(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(name, inner) for inner in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name) and value not in _ABOUT and not value.startswith(MASK):
        return MASK
    return _SECRET_TEXT.sub(MASK, value)
