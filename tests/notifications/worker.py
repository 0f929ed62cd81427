"""`python -m tests.notifications.worker <command> …`: a process of its own on the stores that the environment names.

owe N URL   store N alerts for 50 new users, each with a webhook below URL; all others are forgotten
deliver     one run of the delivery loop; prints its report
lease N     lease N deliveries one by one, as fast as can be; prints their ids
sweep       take back ended leases, as if the clock stood a day ahead; then make everything due
finish      sweep, then deliver until nothing is pending; prints the states
states      print {state: count}"""

import json
import sys
from collections import Counter
from dataclasses import asdict
from datetime import timedelta

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402

from apps.core import clock  # noqa: E402
from apps.notifications import services  # noqa: E402
from apps.notifications.models import Delivery  # noqa: E402
from apps.notifications.services.lease import deliveries_lease  # noqa: E402
from apps.notifications.types import NotificationDraft  # noqa: E402
from tests.notifications.people import FACTS, endpoint_new, user_new  # noqa: E402

USERS = 50


def owe(count: int, url: str) -> None:
    get_user_model().objects.all().delete()
    services.templates_seed()
    users = [user_new() for _ in range(USERS)]
    for number, user in enumerate(users):
        endpoint_new(user, "webhook", f"{url}/{number}")
    now = clock.now()
    until = now + timedelta(days=7)
    drafts = [
        NotificationDraft(users[number % USERS].pk, "opportunity", FACTS, "high", f"owed:{number}", until)
        for number in range(count)
    ]
    services.notifications_create(drafts=drafts, now=now)


def deliver() -> None:
    print(json.dumps(asdict(services.deliver(priority="high"))))


def lease(count: int) -> None:
    got = []
    while len(got) < count:
        rows = deliveries_lease(priority="high", limit=3, send_seconds=60, now=clock.now())
        if not rows:
            break
        got += [str(row.pk) for row in rows]
    print(json.dumps(got))


def sweep() -> None:
    services.deliveries_sweep(now=clock.now() + timedelta(days=1))
    Delivery.objects.filter(state="pending").update(next_attempt_at=clock.now())


def finish() -> None:
    sweep()
    while Delivery.objects.filter(state="pending").exists():
        sweep()
        services.deliver(priority="high")
    states()


def states() -> None:
    print(json.dumps(Counter(Delivery.objects.values_list("state", flat=True))))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    match command:
        case "owe":
            owe(int(arguments[0]), arguments[1])
        case "lease":
            lease(int(arguments[0]))
        case _:
            {"deliver": deliver, "sweep": sweep, "finish": finish, "states": states}[command]()
