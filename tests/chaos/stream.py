"""A steady stream of notifications over five channels, made inside an installation:
`python -m tests.chaos.stream SANDBOX_URL SECONDS PER_SECOND SEED LABEL LEDGER`.

Each carries `LABEL` and six digits, so that every arrival can be told from every other. A name is written to the file
LEDGER once its row is there for good: from then on it is promised."""

import sys
import time

import django

django.setup()

import random  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from datetime import timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TypeVar  # noqa: E402
from uuid import UUID  # noqa: E402

from django.db import transaction  # noqa: E402

from apps.accounts.services import user_create  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.notifications.channels.registry import CHANNELS  # noqa: E402
from apps.notifications.services import endpoint_create, notification_create  # noqa: E402
from sandbox.providers import discord, slack  # noqa: E402

T = TypeVar("T")

# Endpoints of each channel, and its share of the stream in per cent: below what providers publish, so that the limits
# shape the flow and don't stop it.
CHANNEL_PEOPLE = {"telegram": 200, "webhook": 150, "slack": 150, "discord": 100, "email": 100}
SHARES = {"telegram": 20, "webhook": 40, "slack": 15, "discord": 15, "email": 10}
PRIORITIES = {"critical": 5, "high": 45, "medium": 30, "low": 10, "background": 10}
# Most still matter after an hour; some are worth nothing soon, and have to end as expired where that comes first.
LASTS = {timedelta(hours=1): 97, timedelta(seconds=20): 3}


@dataclass(frozen=True)
class Given:
    """An address with the credentials that belong to it."""

    address: str
    credentials: Mapping[str, str] = field(default_factory=dict)


def given(channel: str, number: int, sandbox: str) -> Given:
    """The `number`th address of a channel at the sandbox."""
    if channel == "telegram":
        return Given(str(70_000 + number))
    if channel == "webhook":
        return Given(f"{sandbox}/_sandbox/hooks/chaos-{number}", CHANNELS.get(channel).credentials_new())
    if channel == "slack":
        return Given(f"https://{slack.HOST}/services/T0CHAOS00/B{number:08d}/{slack.TOKEN}")
    if channel == "discord":
        return Given(f"https://{discord.HOST}/api/webhooks/{100_000_000_000_000_000 + number}/{discord.TOKEN}")
    return Given(f"reader{number}@chaos.test")


def stream(*, sandbox: str, seconds: float, per_second: int, seed: int, label: str, ledger: Path) -> None:
    """`per_second` notifications for so many seconds; behind a stall it catches up."""
    people = _people(sandbox)
    dice = random.Random(seed)
    begun = time.monotonic()
    with ledger.open("a") as promised:
        for number in range(round(seconds * per_second)):
            time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            name = f"{label}{number:06d}"
            channel = _thrown(dice, SHARES)
            now = clock.now()
            # One transaction each: that is how they come in real life, and a kill may fall between any two.
            with transaction.atomic():
                notification_create(
                    user_id=dice.choice(people[channel]),
                    template="notice",
                    context={"title": "Drill", "text": name},
                    priority=_thrown(dice, PRIORITIES),
                    dedupe_key=name,
                    expires_at=now + _thrown(dice, LASTS),
                    now=now,
                )
            promised.write(f"{name} {channel}\n")
            promised.flush()


def _people(sandbox: str) -> dict[str, list[UUID]]:
    made: dict[str, list[UUID]] = {}
    for channel, count in CHANNEL_PEOPLE.items():
        for number in range(count):
            user = user_create(email=f"{channel}{number}@chaos.test")
            one = given(channel, number, sandbox)
            endpoint_create(
                user_id=user.pk, channel=channel, address=one.address, credentials=one.credentials, verified=True
            )
            made.setdefault(channel, []).append(user.pk)
    return made


def _thrown(dice: random.Random, weights: Mapping[T, int]) -> T:
    return dice.choices(tuple(weights), tuple(weights.values()))[0]


if __name__ == "__main__":
    url, seconds, per_second, seed, label, ledger = sys.argv[1:]
    stream(
        sandbox=url,
        seconds=float(seconds),
        per_second=int(per_second),
        seed=int(seed),
        label=label,
        ledger=Path(ledger),
    )
