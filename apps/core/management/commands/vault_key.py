"""Prints a fresh key for `VAULT_KEYS`."""

from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Print a fresh key for VAULT_KEYS. Put it first in the list to rotate; keep it apart from the database."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own way; it must run before a key exists)

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print the key and nothing else, so that it can be piped."""
        self.stdout.write(Fernet.generate_key().decode())
