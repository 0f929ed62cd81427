"""Re-encrypts every stored secret under the first of `VAULT_KEYS`."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from apps.core import vault
from apps.core.exceptions import OperatorError

BATCH = 200


class Command(BaseCommand):
    help = "Re-encrypt stored secrets under the first of VAULT_KEYS. May be stopped and run again at any time."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Walk every registered field; rows that no key opens are named at the end, after all others were done."""
        unreadable: list[str] = []
        for model, field in vault.registered():
            seen, changed = self._rotate(model, field, unreadable)
            self.stdout.write(f"{model}.{field}: {changed} of {seen} re-encrypted")
        if unreadable:
            raise CommandError(f"No key of VAULT_KEYS opens {len(unreadable)}: {', '.join(unreadable[:20])}")

    def _rotate(self, label: str, field: str, unreadable: list[str]) -> tuple[int, int]:
        rows = apps.get_model(label)._default_manager.exclude(**{field: ""}).order_by("pk")
        seen = changed = 0
        last = None
        while batch := list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", field)[:BATCH]):
            for pk, token in batch:
                seen += 1
                try:
                    fresh = vault.rotate(token)
                except OperatorError as error:
                    if error.code != "vault_token":
                        raise CommandError(error.message) from error
                    unreadable.append(f"{label}:{pk}")
                    continue
                # Only over what was read: a secret changed meanwhile is already under the first key.
                changed += rows.filter(pk=pk, **{field: token}).update(**{field: fresh}) if fresh != token else 0
            last = batch[-1][0]
        return seen, changed
