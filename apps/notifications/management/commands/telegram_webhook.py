"""Tell Telegram where to send what people write to the bot."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from apps.core import loop
from apps.core.exceptions import ArbEdgeError
from apps.notifications.channels.telegram import TelegramChannel
from apps.notifications.services.channels import channel_get


class Command(BaseCommand):
    help = "Tell Telegram where to send what people write to the bot, with the secret of TELEGRAM_WEBHOOK_SECRET."

    def add_arguments(self, parser: CommandParser) -> None:
        """The site's address."""
        parser.add_argument("site", help="the address of this site as Telegram reaches it: https://arbedge.example.org")

    def handle(self, *args: Any, site: str, **options: Any) -> None:
        """Set it and say where it leads."""
        secret = settings.TELEGRAM_WEBHOOK_SECRET
        if not secret:
            raise CommandError("Set TELEGRAM_WEBHOOK_SECRET first: up to 256 of A-Z a-z 0-9 _ and -.")
        if not urlsplit(site).netloc:
            raise CommandError(f"{site!r} is no address: write it with https://.")
        url = site.rstrip("/") + reverse("telegram-webhook")
        try:
            channel = channel_get(TelegramChannel.name)
            assert isinstance(channel, TelegramChannel)
            loop.run(channel.updates_to(url, secret), timeout=channel.timeout_s + 5)
        except ArbEdgeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Telegram sends updates to {url}")
