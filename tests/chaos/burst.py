"""A burst of notifications, made inside an installation: `python -m tests.chaos.burst COUNT CHATS LABEL`.

Each goes to one Telegram chat and carries `LABEL-number`, so that every arrival can be told from every other."""

import sys

import django

django.setup()

from datetime import timedelta  # noqa: E402

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import transaction  # noqa: E402

from apps.accounts.services import user_create  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.notifications.services import endpoint_create, notification_create  # noqa: E402


def burst(*, count: int, chats: int, label: str) -> None:
    """`count` notifications to `chats` people with one chat each."""
    people = []
    for number in range(chats):
        email = f"chat{number}@chaos.test"
        user = get_user_model().objects.filter(email=email).first() or user_create(email=email)
        endpoint_create(
            user_id=user.pk, channel="telegram", address=str(50_000 + number), credentials={}, route=0, verified=True
        )
        people.append(user.pk)
    for number in range(count):
        name = f"{label}-{number}"
        # One transaction each: that is how they come in real life, and a kill may fall between any two.
        with transaction.atomic():
            notification_create(
                user_id=people[number % chats],
                template="notice",
                context={"title": "Drill", "text": f"[{name}]"},
                priority="high",
                dedupe_key=name,
                expires_at=clock.now() + timedelta(hours=1),
                now=clock.now(),
            )


if __name__ == "__main__":
    burst(count=int(sys.argv[1]), chats=int(sys.argv[2]), label=sys.argv[3])
