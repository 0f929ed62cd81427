"""Who gets a message: the first endpoint of every route, then the next one where the first fails."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from apps.notifications.models import Delivery, Endpoint


def endpoints_usable(*, user_ids: Iterable[UUID]) -> dict[UUID, list[Endpoint]]:
    """Usable endpoints by user, in the order in which each route tries them, without those of groups. One query."""
    rows = _usable(user_ids).order_by("user_id", "route", "position", "created_at", "pk")
    return {user_id: list(group) for user_id, group in groupby(rows, key=lambda row: row.user_id)}


def _usable(user_ids: Iterable[UUID]) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(
        user_id__in=list(user_ids), verified_at__isnull=False, disabled_at__isnull=True, group=False
    )


def endpoints_named(ids: Iterable[UUID], *, unverified: Container[UUID] = ()) -> dict[UUID, list[Endpoint]]:
    """These endpoints, each in a list of its own; those that are not usable are left out, of `unverified` ones those
    that are switched off. At most one query."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = Endpoint.objects.filter(pk__in=wanted, disabled_at__isnull=True)
    return {row.pk: [row] for row in rows if row.usable or row.pk in unverified}


class Place(NamedTuple):
    """Of an endpoint what a delivery needs."""

    pk: UUID
    channel: str


def places_first(*, user_ids: Iterable[UUID]) -> dict[UUID, list[Place]]:
    """The first usable endpoint of each route, by user. One query, and no more of a row than is needed: where thousands
    are told at once, making whole endpoints is a fifth of the work."""
    rows = _usable(user_ids).order_by("user_id", "route", "position", "created_at", "pk")
    found: defaultdict[UUID, list[Place]] = defaultdict(list)
    keys = rows.values_list("user_id", "route", "pk", "channel")
    for (user_id, _), group in groupby(keys, key=lambda row: (row[0], row[1])):
        _, _, pk, channel = next(group)
        found[user_id].append(Place(pk, channel))
    return found


def endpoints_first(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """The first endpoint of each route, of one user's endpoints in order."""
    return [next(group) for _, group in groupby(endpoints, key=lambda row: row.route)]


def endpoints_next(deliveries: Sequence[Delivery]) -> dict[UUID, Endpoint | None]:
    """For each delivery (endpoint and notification loaded) the endpoint that would take over. One query where nobody
    has a second endpoint on a route, else three.

    Nothing takes over where the notification names its endpoint: what is meant for a group is no message to its owner,
    and a code proves only the address it was sent to."""
    found = _taking_over(_with_others([row for row in deliveries if row.notification.to_endpoint_id is None]))
    return {row.pk: found.get(row.pk) for row in deliveries}


def _with_others(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those on whose route their reader has another usable endpoint. Only keys are read: mostly there is none."""
    usable = _usable({row.notification.user_id for row in deliveries}).order_by()
    on_route: defaultdict[tuple[UUID, int], set[UUID]] = defaultdict(set)
    for user_id, route, key in usable.values_list("user_id", "route", "pk"):
        on_route[user_id, route].add(key)
    return [row for row in deliveries if on_route[row.notification.user_id, row.endpoint.route] - {row.endpoint_id}]


def _taking_over(deliveries: Sequence[Delivery]) -> dict[UUID, Endpoint | None]:
    if not deliveries:
        return {}
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
                if one.route == row.endpoint.route and one.pk not in tried[row.notification_id]
            ),
            None,
        )
        for row in deliveries
    }
