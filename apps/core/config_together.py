"""Runtime configuration as one thing: all of it with a version, and several values changed together or not at all."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.core import config
from apps.core.exceptions import PermanentError
from apps.core.models import ConfigValue


class ConfigMoved(PermanentError):
    """Somebody changed the configuration after it was read: it has to be read again."""

    code = "config_moved"


class ConfigMisfit(PermanentError):
    """Some values can't be stored; `problems` says by key why."""

    code = "config_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("Some values don't fit.")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """A key as it stands, exact fractions as texts; who set it (an operator's id) and when are empty where the default
    holds."""

    key: str
    type: str
    value: Any
    default: Any
    min: Any
    max: Any
    choices: tuple[Any, ...]
    nullable: bool
    help: str
    is_set: bool
    updated_at: datetime | None
    updated_by: str


def settings_all() -> tuple[tuple[Setting, ...], str]:
    """Every declared key as it is stored right now, sorted, and the version of the whole. One query."""
    rows = {row.key: row for row in ConfigValue.objects.all()}
    return tuple(_setting(one, rows.get(one.key)) for one in config.declarations()), _version(rows)


def settings_change(
    *, values: Mapping[str, Any], reset: Collection[str], version: str | None, actor_id: object
) -> None:
    """Store `values`, bring the defaults of `reset` back; each is audited, and all stand or none does.

    With a `version`: ConfigMoved where it is not the present one. ConfigMisfit names every key that is unknown, doubled
    or does not fit. Other processes follow within `config.CACHE_S`."""
    problems = _problems(values, reset)
    if problems:
        raise ConfigMisfit(problems)
    with transaction.atomic():
        config.hold()
        rows = {row.key: row for row in ConfigValue.objects.all()}
        if version is not None and version != _version(rows):
            raise ConfigMoved("The configuration has changed since it was read.")
        # What is audited as the former value is what is stored, not what this process remembers.
        config.forget()
        for key in sorted(values):
            config.config_set(key=key, value=values[key], actor_id=actor_id)
        for key in sorted(reset):
            if key in rows:
                config.config_reset(key=key, actor_id=actor_id)


def _problems(values: Mapping[str, Any], reset: Collection[str]) -> dict[str, str]:
    known = {one.key for one in config.declarations()}
    problems = dict.fromkeys({*values, *reset} - known, "There is no such key.")
    problems |= dict.fromkeys(set(values) & set(reset), "It can't be set and reset at once.")
    for key in set(values) - set(problems):
        try:
            config.fits(key, values[key])
        except PermanentError as error:
            problems[key] = error.message
    return problems


def _setting(one: config.Declaration, row: ConfigValue | None) -> Setting:
    return Setting(
        key=one.key,
        type=one.type.__name__.lower(),
        value=_plain(one.default if row is None else _stored(one, row)),
        default=_plain(one.default),
        min=_plain(one.min),
        max=_plain(one.max),
        choices=tuple(map(_plain, one.choices)),
        nullable=one.nullable,
        help=one.help,
        is_set=row is not None,
        updated_at=None if row is None else row.updated_at,
        updated_by="" if row is None else row.updated_by,
    )


def _stored(one: config.Declaration, row: ConfigValue) -> Any:
    """What holds with this row: `config.get` falls back in the same way."""
    try:
        config.fits(one.key, row.value)
    except PermanentError:
        return one.default
    return row.value


def _version(rows: Mapping[str, ConfigValue]) -> str:
    # The moment too: a value that was changed and changed back was another's decision all the same.
    facts = [[key, rows[key].value, rows[key].updated_at.isoformat()] for key in sorted(rows)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
