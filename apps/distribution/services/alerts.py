"""People's alert triggers: made, changed and removed by their owners."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from apps.accounts.selectors import user_policy
from apps.accounts.services import users_hold
from apps.core.exceptions import PermanentError
from apps.distribution.alert_rules import alert_limits, triggers_most
from apps.distribution.models import AlertTrigger
from apps.distribution.triggers.base import Kind, ParamsInvalid, Source
from apps.distribution.triggers.registry import KINDS
from apps.markets.selectors import markets_read

if TYPE_CHECKING:
    from apps.accounts.models import User


class AlertsFull(PermanentError):
    """They have as many triggers as their tier may have."""

    code = "alerts_full"


@transaction.atomic
def alert_create(*, user: "User", kind: str, wishes: Mapping[str, Any], now: datetime) -> AlertTrigger:
    """Store a trigger; `wishes` are its other fields, `params` among them. The next news is the first it looks at.

    Raises AlertsFull; ParamsInvalid, which names the place; PermanentError(code="cool_down_too_short" |
    "per_hour_too_many" | "does_not_last")."""
    users_hold([user.pk])
    most = triggers_most(user_policy(user).name)
    if AlertTrigger.objects.filter(user=user).count() >= most:
        raise AlertsFull(f"You have {most} alerts, as many as your tier may have. Change or remove one of them.")
    trigger = AlertTrigger(user=user, kind=kind, created_at=now, updated_at=now, **wishes)
    _check(trigger)
    trigger.save()
    return trigger


@transaction.atomic
def alert_change(*, trigger: AlertTrigger, changes: Mapping[str, Any], now: datetime) -> AlertTrigger:
    """Store the named fields; the others stay. Raises as `alert_create`.

    With other `params`, and when it is switched on again, it looks at the world anew. Its cool-down goes on."""
    trigger = AlertTrigger.objects.select_for_update().get(pk=trigger.pk)
    anew = ("params" in changes and changes["params"] != trigger.params) or (
        changes.get("enabled", False) and not trigger.enabled
    )
    for name, value in changes.items():
        setattr(trigger, name, value)
    _check(trigger)
    trigger.updated_at = now
    fields = [*changes, "feed", "exchange", "updated_at"]
    if anew:
        trigger.standing = 0
        fields.append("standing")
    trigger.save(update_fields=fields)
    return trigger


def alert_remove(*, trigger: AlertTrigger) -> None:
    """End it; what it has said stays in the history."""
    trigger.delete()


def _check(trigger: AlertTrigger) -> None:
    """Refuse what could not be judged, and fill in what it is judged by."""
    kind: Kind[Any] = KINDS.get(trigger.kind)()
    params = kind.read(trigger.params)
    source = kind.source(params)
    _check_names(source)
    if trigger.repeat and not kind.lasts(params):
        raise PermanentError("This happens at a moment and does not last: it can't repeat.", code="does_not_last")
    limits = alert_limits()
    if trigger.cool_down_s is not None and trigger.cool_down_s < limits.cool_down_min_s:
        raise PermanentError(f"The shortest cool-down is {limits.cool_down_min_s} seconds.", code="cool_down_too_short")
    if trigger.per_hour is not None and trigger.per_hour > limits.per_hour_max:
        raise PermanentError(f"At most {limits.per_hour_max} messages an hour.", code="per_hour_too_many")
    trigger.feed, trigger.exchange = source.feed, source.exchange


def _check_names(source: Source) -> None:
    """What is misspelt would wait for ever without a word."""
    exchanges = {*source.exchanges, *(one.exchange for one in source.places if one.exchange)}
    unknown = sorted(exchanges - set(settings.EXCHANGES))
    if unknown:
        raise ParamsInvalid(f"params: not read here: {_some(unknown)}. There are {_some(sorted(settings.EXCHANGES))}.")
    if not source.places:
        return
    listed = markets_read().filter(symbol__in={one.symbol for one in source.places}).order_by()
    pairs = set(listed.values_list("exchange_id", "symbol"))
    symbols = {symbol for _, symbol in pairs}
    for one in source.places:
        if (one.exchange, one.symbol) not in pairs and (one.exchange or one.symbol not in symbols):
            where = f" on {one.exchange}" if one.exchange else ""
            raise ParamsInvalid(f"params: no market {one.symbol} is read{where}; a perpetual is BTC/USDT:USDT.")


def _some(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:40])
