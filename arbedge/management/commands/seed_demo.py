"""`manage.py seed_demo`: an operator and one trader per tier, for `make run`. Refuses to run outside development."""

import json
import secrets
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.accounts.services import token_create, user_create
from apps.notifications.channels.webhook import secret_new
from apps.notifications.services import endpoint_create, endpoint_disable

_DOMAIN = "demo.arbedge.test"
_DEMO = "demo"


class Command(BaseCommand):
    help = "Create the demo's operator and traders, give them new sign-ins and write these to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to write, and which addresses to write beside the users."""
        parser.add_argument("--out", type=Path, required=True, help="file to write, e.g. var/demo.json")
        parser.add_argument(
            "--url", action="append", default=[], metavar="NAME=URL", help="an address to note; repeatable"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create users, tokens and (with a sandbox) endpoints; write the file for its owner only."""
        if not settings.DEVELOPMENT:
            raise CommandError("The demo's users are for development: set DEVELOPMENT=true if that is what this is.")
        hooks: dict[str, str] = {}
        with transaction.atomic():
            users = [_sign_in("operator", Tier.ENTERPRISE, Role.SUPER_ADMIN)]
            for number, tier in enumerate(Tier, start=1001):
                users.append(_sign_in(f"{tier.value}.trader", tier, Role.USER))
                if settings.SANDBOX_URL:
                    hooks[tier.value] = _endpoints(_user(f"{tier.value}.trader"), hook=tier.value, chat=str(number))
        if hooks:
            _tell_sandbox(hooks)
        out: Path = options["out"]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch(mode=0o600)
        urls = dict(pair.split("=", 1) for pair in options["url"])
        out.write_text(json.dumps({"urls": urls, "users": users}, indent=2) + "\n")
        self.stdout.write(f"{len(users)} users written to {out}.")


def _user(name: str) -> User:
    return get_user_model().objects.get(email=f"{name}@{_DOMAIN}")


def _sign_in(name: str, tier: Tier, role: Role) -> dict[str, str]:
    email, password = f"{name}@{_DOMAIN}", secrets.token_urlsafe(12)
    user = get_user_model().objects.filter(email=email).first()
    if user is None:
        operator = role is not Role.USER
        user = user_create(
            email=email, password=password, name=name, tier=tier, role=role, is_staff=operator, is_superuser=operator
        )
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
        user.api_tokens.filter(name=_DEMO).delete()
    token = token_create(user=user, name=_DEMO)
    return {"email": email, "password": password, "tier": tier.value, "role": role.value, "token": token}


def _endpoints(user: User, *, hook: str, chat: str) -> str:
    """Endpoints on four channels, each on a route of its own: a message takes all of them. Gives the hook's secret."""
    secret = secret_new()
    hook_url = f"{settings.SANDBOX_URL}/_sandbox/hooks/{hook}"
    browser = _browser(hook)
    of_this_run = (hook_url, browser["endpoint"])
    for earlier in user.endpoints.filter(channel__in=("webhook", "push"), disabled_at=None).exclude(
        address__in=of_this_run
    ):
        endpoint_disable(endpoint_id=earlier.pk, reason="An earlier run had the sandbox on another port.")
    wanted: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("telegram", chat, {}),
        ("webhook", hook_url, {"secret": secret}),
        ("email", user.email, {}),
        ("push", browser["endpoint"], browser["keys"]),
    )
    for route, (channel, address, credentials) in enumerate(wanted):
        endpoint_create(
            user_id=user.pk, channel=channel, address=address, credentials=credentials, route=route, verified=True
        )
    return secret


def _browser(name: str) -> dict[str, Any]:
    """A browser of the sandbox, subscribed to web push."""
    answer = requests.get(f"{settings.SANDBOX_URL}/_sandbox/subscription/{name}", timeout=10)
    answer.raise_for_status()
    subscription: dict[str, Any] = answer.json()
    return subscription


def _tell_sandbox(hooks: dict[str, str]) -> None:
    requests.put(f"{settings.SANDBOX_URL}/_sandbox/secrets", json=hooks, timeout=10).raise_for_status()
