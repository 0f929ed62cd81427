"""System checks: the vault's keys are usable, and every registry's rows are there."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.core import registry, vault


@register()
def registries_complete(**_: Any) -> list[CheckMessage]:
    """core.E003: every plug-in named in a registry is there. Every command runs this, so nothing is imported."""
    return [Error(problem, id="core.E003") for table in registry.registries() for problem in table.missing()]


@register(deploy=True)
def registries_import(**_: Any) -> list[CheckMessage]:
    """core.E001: every plug-in named in a registry imports and is of its kind (`manage.py check --deploy`)."""
    return [Error(problem, id="core.E001") for table in registry.registries() for problem in table.problems()]


@register()
def vault_keys_usable(**_: Any) -> list[CheckMessage]:
    """core.E002: VAULT_KEYS are Fernet keys."""
    return [Error(problem, id="core.E002") for problem in vault.key_problems(settings.VAULT_KEYS)]
