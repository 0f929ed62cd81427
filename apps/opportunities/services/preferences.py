"""What people want to see and how they trade, with what it was before."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from apps.accounts.services import users_hold
from apps.core import audit
from apps.core.exceptions import PermanentError
from apps.opportunities.automation import automation_require
from apps.opportunities.exceptions import PresetNotFound
from apps.opportunities.models import Preferences, PreferencesVersion
from apps.opportunities.presets import PRESETS
from apps.opportunities.selectors import leverage_highest, version_of

if TYPE_CHECKING:
    from apps.accounts.models import User

VERSIONS_KEPT: Final = 50
# Everything but whose they are and since when.
WISHES: Final = tuple(field for field in Preferences._meta.concrete_fields if field.name not in ("user", "updated_at"))
_BY_NAME: Final = {field.name: field for field in WISHES}
_encoder = DjangoJSONEncoder()


def preferences_set(
    *, user: "User", wishes: Mapping[str, Any], now: datetime, actor: "User | None" = None, reason: str = "changed"
) -> Preferences:
    """Store the named preferences of `user` (each checked by the caller for itself); the others stay as they are. What
    changes is a new version, said to be by `actor` (None: by themselves).

    Raises RightMissing where the tier does not open the automation, PermanentError(code="leverage_too_high") above what
    the exchanges lend."""
    with transaction.atomic():
        # Of two changes at once the second sees the first.
        users_hold([user.pk])
        row = Preferences.objects.filter(user=user).first() or Preferences(user=user)
        before = wishes_of(row)
        for name, value in wishes.items():
            setattr(row, name, _BY_NAME[name].to_python(value))
        after = wishes_of(row)
        changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        _judge(user, row, changes)
        row.updated_at = now
        row.save()
        if changes:
            _note(row, before=before, after=after, changes=changes, reason=reason, actor=actor or user, now=now)
    return row


def preset_apply(*, user: "User", name: str, now: datetime) -> Preferences:
    """Store what the preset says; what it does not name stays. Raises PresetNotFound, and as `preferences_set`."""
    if name not in PRESETS:
        raise PresetNotFound(f"There is no such preset; there are {', '.join(PRESETS)}.")
    return preferences_set(user=user, wishes=PRESETS[name].wishes, now=now, reason=f"preset:{name}")


def preferences_rollback(*, user: "User", number: int, now: datetime) -> Preferences:
    """Make preferences what they were at a version; that is a version again. What was no preference then stays.

    Raises VersionNotFound, and as `preferences_set`: what the tier does not open any more does not come back."""
    wishes = version_of(user, number=number).wishes
    known = {name: value for name, value in wishes.items() if name in _BY_NAME}
    return preferences_set(user=user, wishes=known, now=now, reason=f"rollback:{number}")


def wishes_of(row: Preferences) -> dict[str, Any]:
    """Every preference by its name, as JSON holds it; equal values are written alike."""
    return {field.name: _plain(field.to_python(getattr(row, field.name)), field) for field in WISHES}


def _plain(value: Any, field: Any) -> Any:
    if isinstance(value, Decimal):
        return str(round(value, field.decimal_places))
    return value if value is None or isinstance(value, bool | str | list) else _encoder.default(value)


def _judge(user: "User", row: Preferences, changes: Mapping[str, Any]) -> None:
    """What depends on more than the value. What was there before stays allowed until it is touched."""
    if "automation" in changes:
        automation_require(user, row.automation)
    if "max_leverage" in changes and row.max_leverage > (highest := leverage_highest(row.exchanges)):
        raise PermanentError(f"Your exchanges lend {highest} times at most.", code="leverage_too_high")


def _note(
    row: Preferences,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changes: Mapping[str, Any],
    reason: str,
    actor: "User",
    now: datetime,
) -> None:
    versions = PreferencesVersion.objects.filter(user=row.user)
    newest = versions.order_by("-number").values_list("number", flat=True).first()
    if newest is None:
        newest = 1
        PreferencesVersion.objects.create(user=row.user, number=1, wishes=before, reason="before", at=now)
    number = newest + 1
    PreferencesVersion.objects.create(
        user=row.user, number=number, wishes=after, changes=changes, reason=reason, changed_by=actor, at=now
    )
    versions.filter(number__lte=number - VERSIONS_KEPT).delete()
    if "automation" in changes or actor != row.user:
        told = {"changed": ", ".join(changes), "reason": reason}
        audit.record(
            actor_id=actor.pk, action="preferences.changed", target=f"accounts.User:{row.user.pk}", changes=told
        )
