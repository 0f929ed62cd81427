"""Groups that may be told: registered by a person, confirmed from the group itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.services import users_hold
from apps.core import config
from apps.core.exceptions import PermanentError
from apps.distribution.models import Group
from apps.notifications.services import code_send, endpoint_create, endpoint_remove


@transaction.atomic
def group_create(
    *,
    owner_id: UUID,
    name: str,
    channel: str,
    address: str,
    credentials: Mapping[str, str] | None = None,
    wishes: Mapping[str, Any],
    now: datetime,
) -> Group:
    """Register a group and send it the code that proves it; until that is given back, nothing else goes there.

    `wishes` are the fields `kinds`, `min_net_edge`, `min_strength`. PermanentError(code="too_many_groups") where the
    owner has enough, "group_exists" where they have this one; further errors as of `endpoint_create` and
    `code_send`."""
    users_hold([owner_id])
    most = config.get("distribution.groups_per_user")
    if Group.objects.filter(owner_id=owner_id).count() >= most:
        raise PermanentError(f"You have {most} groups, which is the most: remove one first.", code="too_many_groups")
    endpoint = endpoint_create(
        user_id=owner_id, channel=channel, address=address, credentials=credentials, label=name, group=True
    )
    if Group.objects.filter(endpoint_id=endpoint.pk).exists():
        raise PermanentError("You have registered this group already.", code="group_exists")
    group = Group.objects.create(owner_id=owner_id, endpoint_id=endpoint.pk, name=name, created_at=now, **wishes)
    code_send(endpoint_id=endpoint.pk, now=now)
    return group


def group_change(*, group: Group, changes: Mapping[str, Any]) -> Group:
    """Store the named fields (`name`, `kinds`, `min_net_edge`, `min_strength`, `active`); the others stay."""
    for name, value in changes.items():
        setattr(group, name, value)
    group.save(update_fields=list(changes))
    return group


@transaction.atomic
def group_remove(*, group: Group, now: datetime) -> None:
    """End a registration: nothing goes there any more. What was decided about it stays on record."""
    endpoint_id = group.endpoint_id
    group.delete()
    endpoint_remove(endpoint_id=endpoint_id, now=now)
