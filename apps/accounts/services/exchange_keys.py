"""Writes: people's keys to exchanges. Credentials are opened in one place, for the check alone."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.crypto import salted_hmac

from apps.accounts.enums import KeyRights, KeyState, Source
from apps.accounts.exceptions import ExchangeKeyGone, ExchangeKeyRefused
from apps.accounts.key_forms import FORMS, form_problems
from apps.accounts.models import ExchangeKey, Subscription, User
from apps.accounts.selectors.exchange_keys import exchanges_keyed
from apps.accounts.services.subscriptions import subscription_close, subscription_start
from apps.accounts.types import ExchangeKeyDue, OpenedKey
from apps.core import audit, config, events, vault
from apps.core.exceptions import ThrottledError

# Somebody who asks for a check again and again would use up the exchange's patience with our address.
RECHECK_EVERY: Final = timedelta(seconds=30)
# How long after a check that nobody answered the next one comes, by how many there were; then the last one each time.
RETRIES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
# A check that was begun and never came to an end is begun again after this.
TAKEN_FOR: Final = timedelta(minutes=2)
# Rows of removed keys are kept as long as somebody may ask what became of them.
REMOVED_KEPT: Final = timedelta(days=90)


@transaction.atomic
def exchange_key_add(
    *, user_id: UUID, exchange: str, credentials: Mapping[str, str], label: str = "", now: datetime
) -> ExchangeKey:
    """Keep a key, to be checked at once; audited.

    ExchangeKeyRefused where its form is wrong ("exchange_key_form", with `problems` by field), where it is there
    already ("exchange_key_exists") or there are enough ("too_many_exchange_keys"). No exchange is asked here."""
    if exchange not in FORMS:
        raise ExchangeKeyRefused(f"Keys of {exchange[:32]} can't be checked here.", problems={"exchange": "Unknown."})
    problems = form_problems(exchange, credentials)
    if problems:
        named = {f"credentials.{name}": problem for name, problem in problems.items()}
        raise ExchangeKeyRefused("This can't be a key.", code="exchange_key_form", problems=named)
    _hold(user_id)
    mine = ExchangeKey.objects.filter(user_id=user_id, removed_at=None)
    digest = salted_hmac("accounts.ExchangeKey", credentials["apiKey"], algorithm="sha256").hexdigest()
    if mine.filter(exchange=exchange, digest=digest).exists():
        raise ExchangeKeyRefused("You have this key already: remove that one first.", code="exchange_key_exists")
    most = config.get("exchange_key.per_user")
    if mine.count() >= most:
        raise ExchangeKeyRefused(
            f"You have {most} exchange keys, which is the most: remove one first.", code="too_many_exchange_keys"
        )
    row = ExchangeKey(
        user_id=user_id,
        exchange=exchange,
        label=label,
        digest=digest,
        shown=vault.mask(credentials["apiKey"]),
        created_at=now,
        next_check_at=now,
    )
    row.sealed = vault.encrypt(json.dumps(dict(credentials)), context=row.sealed_context)
    row.save(force_insert=True)
    _tell(row, "added", actor_id=user_id, exchange=exchange)
    events.publish(ExchangeKeyDue(row.pk))
    return row


def exchange_key_rename(*, key_id: UUID, label: str) -> ExchangeKey:
    """Call a key something else. ExchangeKeyGone where it was removed meanwhile."""
    if not ExchangeKey.objects.filter(pk=key_id, removed_at=None).update(label=label):
        raise ExchangeKeyGone("There is no such exchange key.")
    return ExchangeKey.objects.get(pk=key_id)


@transaction.atomic
def exchange_key_remove(*, key_id: UUID, user_id: UUID, now: datetime) -> None:
    """Wipe a key; what it opened closes with it. Audited; nothing where it was removed before."""
    _hold(user_id)
    row = ExchangeKey.objects.filter(pk=key_id, user_id=user_id, removed_at=None).first()
    if row is None:
        return
    row.sealed, row.next_check_at, row.removed_at = "", None, now
    row.save(update_fields=["sealed", "next_check_at", "removed_at"])
    _tell(row, "removed", actor_id=user_id, exchange=row.exchange)
    _tier_follow(user_id, now)


@transaction.atomic
def exchange_key_recheck(*, key_id: UUID, user_id: UUID, now: datetime) -> ExchangeKey:
    """Have a key checked again now; a refused one too, since its owner may have mended it at the exchange.

    ExchangeKeyGone where it is wiped; ThrottledError where it was checked a moment ago."""
    _hold(user_id)
    row = ExchangeKey.objects.filter(pk=key_id, user_id=user_id, removed_at=None).first()
    if row is None or not row.sealed:
        raise ExchangeKeyGone("Nothing of this key was kept: remove it and add another one.")
    again_at = None if row.checked_at is None else row.checked_at + RECHECK_EVERY
    if again_at is not None and now < again_at:
        raise ThrottledError(
            "This key was checked a moment ago.", retry_after=(again_at - now).total_seconds(), code="checked_just_now"
        )
    row.next_check_at = now
    row.save(update_fields=["next_check_at"])
    events.publish(ExchangeKeyDue(row.pk))
    return row


@transaction.atomic
def exchange_key_open(*, key_id: UUID, now: datetime) -> OpenedKey | None:
    """The credentials of a key whose check is due, for that check alone; each use is audited.

    None where nothing is due (any more): the check is taken by who gets them, for `TAKEN_FOR`."""
    mine = ExchangeKey.objects.filter(pk=key_id, removed_at=None, next_check_at__lte=now).exclude(sealed="")
    if not mine.update(next_check_at=now + TAKEN_FOR):
        return None
    row = ExchangeKey.objects.get(pk=key_id)
    credentials = json.loads(vault.decrypt(row.sealed, context=row.sealed_context))
    _tell(row, "used", actor_id=None, exchange=row.exchange, purpose="check")
    return OpenedKey(row.pk, row.user_id, row.exchange, credentials)


@transaction.atomic
def exchange_key_found(*, key_id: UUID, rights: KeyRights, now: datetime) -> None:
    """The exchange knows the key, and it may do this. One that can withdraw is refused, and wiped at once."""
    row = _open_row(key_id)
    if row is None:
        return
    if rights is KeyRights.WITHDRAW:
        row.sealed, row.rights = "", rights
        words = (
            "This key can withdraw, so it was deleted here. Delete it at the exchange, and make one that can't "
            "withdraw: reading is enough."
        )
        _refuse(row, "can_withdraw", words, now)
        return
    again = timedelta(hours=config.get("exchange_key.recheck_hours"))
    before = row.state, row.rights
    row.state, row.rights, row.code = KeyState.VALID, rights, ""
    row.reason = (
        "It works. The exchange does not tell what it may do, so it counts as reading only; make sure that it can't "
        "withdraw."
        if rights is KeyRights.UNKNOWN
        else ""
    )
    row.failures, row.checked_at, row.next_check_at = 0, now, now + again
    row.save()
    if (row.state, row.rights) != before:
        _tell(row, "valid", actor_id=None, exchange=row.exchange, rights=rights.value)
    _tier_follow(row.user_id, now)


@transaction.atomic
def exchange_key_refuse(*, key_id: UUID, code: str, reason: str, now: datetime) -> None:
    """The exchange does not let the key in. It is not asked again until its owner says so."""
    row = _open_row(key_id)
    if row is not None:
        _refuse(row, code, reason, now)


@transaction.atomic
def exchange_key_postpone(
    *, key_id: UUID, code: str, reason: str, now: datetime, not_before: datetime | None = None
) -> None:
    """The check came to nothing for now; the next one stands in the row, `not_before` the exchange wants to be asked.

    A key that was valid stays so for as long as is configured; then it counts for nothing until it is checked."""
    row = _open_row(key_id)
    if row is None:
        return
    wait = RETRIES[min(row.failures, len(RETRIES) - 1)]
    row.failures += 1
    row.next_check_at = max(now + wait, not_before or now)
    row.code, row.reason = code[:40], reason[:300]
    trusted = timedelta(hours=config.get("exchange_key.trust_hours"))
    stays = row.state == KeyState.VALID and row.checked_at is not None and now < row.checked_at + trusted
    if not stays and row.state != KeyState.REFUSED:
        row.state = KeyState.UNREACHABLE
    row.save()
    _tier_follow(row.user_id, now)


def exchange_keys_prune(*, now: datetime) -> int:
    """Delete the rows of keys that were removed long ago; how many."""
    return ExchangeKey.objects.filter(removed_at__lt=now - REMOVED_KEPT).delete()[0]


def _refuse(row: ExchangeKey, code: str, reason: str, now: datetime) -> None:
    row.state, row.code, row.reason = KeyState.REFUSED, code[:40], reason[:300]
    row.failures, row.checked_at, row.next_check_at = 0, now, None
    row.save()
    _tell(row, "refused", actor_id=None, exchange=row.exchange, code=row.code)
    _tier_follow(row.user_id, now)


def _open_row(key_id: UUID) -> ExchangeKey | None:
    """The key, its owner held; None where it was removed while it was being checked."""
    owner = ExchangeKey.objects.filter(pk=key_id).values_list("user_id", flat=True).first()
    if owner is None:
        return None
    _hold(owner)
    return ExchangeKey.objects.filter(pk=key_id, removed_at=None).exclude(sealed="").first()


def _hold(user_id: UUID) -> None:
    """Nobody else changes this person's keys until the transaction ends."""
    User.objects.select_for_update(no_key=True).get(pk=user_id)


def _tier_follow(user_id: UUID, now: datetime) -> None:
    """Who has a valid key has the tier that comes with one; who has none any more, has not."""
    given = Subscription.objects.filter(user_id=user_id, source=Source.EXCHANGE_KEY, closed_at=None).first()
    has_key = user_id in exchanges_keyed([user_id])
    if has_key and given is None:
        subscription_start(
            user_id=user_id, tier=config.get("exchange_key.tier"), source=Source.EXCHANGE_KEY, grace_days=0, now=now
        )
    elif not has_key and given is not None:
        subscription_close(subscription=given, because="no_exchange_key", now=now)


def _tell(row: ExchangeKey, verb: str, *, actor_id: UUID | None, **changes: str) -> None:
    audit.record(
        actor_id=actor_id,
        action=f"exchange_key.{verb}",
        target=f"accounts.ExchangeKey:{row.pk}",
        changes={"shown": row.shown, "owner": str(row.user_id), **changes},
    )
