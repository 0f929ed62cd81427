"""Who gets a message: the first endpoint of every route, then the next one where the first fails."""

from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from uuid import UUID

from apps.notifications.models import Delivery, Endpoint


def endpoints_usable(*, user_ids: Iterable[UUID]) -> dict[UUID, list[Endpoint]]:
    """Usable endpoints by user, in the order in which each route tries them, without those of groups. One query."""
    rows = Endpoint.objects.filter(
        user_id__in=list(user_ids), verified_at__isnull=False, disabled_at__isnull=True, group=False
    ).order_by("user_id", "route", "position", "created_at", "pk")
    return {user_id: list(group) for user_id, group in groupby(rows, key=lambda row: row.user_id)}


def endpoints_named(ids: Iterable[UUID], *, unverified: Container[UUID] = ()) -> dict[UUID, list[Endpoint]]:
    """These endpoints, each in a list of its own; those that are not usable are left out, of `unverified` ones those
    that are switched off. At most one query."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = Endpoint.objects.filter(pk__in=wanted, disabled_at__isnull=True)
    return {row.pk: [row] for row in rows if row.usable or row.pk in unverified}


def endpoints_first(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """The first endpoint of each route, of one user's endpoints in order."""
    return [next(group) for _, group in groupby(endpoints, key=lambda row: row.route)]


def endpoints_next(deliveries: Sequence[Delivery]) -> dict[UUID, Endpoint | None]:
    """For each delivery (endpoint and notification loaded) the endpoint that would take over. Two queries.

    Nothing takes over where the notification names its endpoint: what is meant for a group is no message to its owner,
    and a code proves only the address it was sent to."""
    usable = endpoints_usable(user_ids={row.notification.user_id for row in deliveries})
    tried: dict[UUID, set[UUID]] = {}
    pairs = Delivery.objects.filter(notification_id__in={row.notification_id for row in deliveries})
    for notification_id, endpoint_id in pairs.values_list("notification_id", "endpoint_id"):
        tried.setdefault(notification_id, set()).add(endpoint_id)
    return {
        row.pk: next(
            (
                one
                for one in usable.get(row.notification.user_id, ())
                if row.notification.to_endpoint_id is None
                and one.route == row.endpoint.route
                and one.pk not in tried[row.notification_id]
            ),
            None,
        )
        for row in deliveries
    }
