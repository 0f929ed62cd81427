"""Prints a fresh pair of keys for web push."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.notifications.channels import webpush


class Command(BaseCommand):
    help = "Print a fresh VAPID_PRIVATE_KEY and the public key that browsers subscribe with (applicationServerKey)."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own way; it must run before a key exists)

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Two lines, ready for an env file. A subscription works with the key that it was made with, and no other."""
        key = webpush.private_key_new()
        self.stdout.write(f"VAPID_PRIVATE_KEY={key}")
        self.stdout.write(f"# applicationServerKey: {webpush.public_key_text(webpush.private_key_read(key))}")
