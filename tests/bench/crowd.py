"""A thousand people with a signed webhook each, on several hosts of the sandbox, and messages owed to all of them."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.channels.webhook import secret_new
from apps.notifications.services import endpoint_create, notifications_create
from apps.notifications.types import NotificationDraft
from tests.notifications.people import FACTS
from tests.sandbox_process import Sandbox

SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people and the hosts (with port) of their webhooks."""

    people: list[User]
    hosts: list[str]

    def url(self, name: str) -> str:
        """The webhook that the sandbox knows by this name."""
        return f"http://{self.hosts[int(name.rpartition('/')[2]) % len(self.hosts)]}/_sandbox/hooks/{name}"


def crowd_make(sandbox: Sandbox | None, *, hosts: int, port: int = 0) -> Crowd:
    """The sandbox has to listen on so many addresses, and is told everybody's secret; without one somebody else listens
    there, on `port`."""
    port = port if sandbox is None else int(sandbox.netloc.rpartition(":")[2])
    crowd = Crowd([], [f"127.0.0.{number}:{port}" for number in range(1, hosts + 1)])
    settings.OUTBOUND_ALLOW = crowd.hosts
    crowd.people.extend(User.objects.bulk_create(User(email=f"reader{n}@example.test") for n in range(SIZE)))
    secrets = {f"reader/{number}": secret_new() for number in range(SIZE)}
    for person, (name, secret) in zip(crowd.people, secrets.items(), strict=True):
        endpoint_create(
            user_id=person.pk, channel="webhook", address=crowd.url(name), credentials={"secret": secret}, verified=True
        )
    if sandbox is not None:
        sandbox.secrets(secrets)
    return crowd


def owe(crowd: Crowd, count: int, *, priority: str, label: str = "bench") -> None:
    """One opportunity after another, each to everybody, as distribution does."""
    until_then = clock.now() + timedelta(hours=3)
    for begin in range(0, count, SIZE):
        facts = FACTS | {"symbol": f"COIN{begin}/USDT"}
        told = crowd.people[: count - begin]
        drafts = [
            NotificationDraft(one.pk, "opportunity", facts, priority, f"{label}:{begin}:{one.pk}", until_then)
            for one in told
        ]
        notifications_create(drafts=drafts, now=clock.now())
