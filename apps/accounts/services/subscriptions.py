"""Writes: subscriptions, and the tier that follows from them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from apps.accounts.enums import Source, Tier
from apps.accounts.models import Subscription, SubscriptionChange, User
from apps.accounts.services.letters import letter_write
from apps.accounts.types import TierChanged
from apps.core import audit, config, events

BATCH = 500


@transaction.atomic
def subscription_start(
    *,
    user_id: UUID,
    tier: Tier | str,
    source: Source | str,
    now: datetime,
    days: int | None = None,
    ends_at: datetime | None = None,
    grace_days: int | None = None,
    plan: str = "",
    external_id: str = "",
    renews: bool = False,
    actor_id: UUID | None = None,
) -> Subscription:
    """Give somebody a tier from now on, for so many days, until `ends_at`, or without end.

    Of one source a user has one open subscription: an earlier one is closed as replaced. Those of several sources hold
    side by side, and the highest tier counts. `grace_days`: what is configured where not given."""
    user = _held(user_id)
    if days is not None:
        ends_at = now + timedelta(days=days)
    for earlier in Subscription.objects.filter(user=user, source=source, closed_at=None):
        _close(earlier, "replaced", now)
    row = Subscription.objects.create(
        user=user,
        tier=Tier(tier),
        source=Source(source),
        plan=plan,
        external_id=external_id,
        renews=renews,
        starts_at=now,
        ends_at=ends_at,
        grace_until=_grace(ends_at, grace_days),
        created_at=now,
    )
    _note(row, "started", now, ends_at=ends_at, tier=row.tier)
    _tier_refresh(user, now=now, because=f"subscription:{row.source}", actor_id=actor_id)
    return row


@transaction.atomic
def subscription_extend(
    *, subscription: Subscription, ends_at: datetime, now: datetime, grace_days: int | None = None
) -> None:
    """It was paid on: it ends later now, and its end may be announced again."""
    user = _held(subscription.user_id)
    subscription.ends_at, subscription.grace_until = ends_at, _grace(ends_at, grace_days)
    subscription.noticed_at = None
    subscription.save(update_fields=["ends_at", "grace_until", "noticed_at"])
    _note(subscription, "extended", now, ends_at=ends_at)
    _tier_refresh(user, now=now, because=f"subscription:{subscription.source}")


@transaction.atomic
def subscription_cancel(*, subscription: Subscription, now: datetime) -> None:
    """It ends when what was paid for is over, without grace; until then nothing changes."""
    user = _held(subscription.user_id)
    subscription.renews = False
    subscription.grace_until = subscription.ends_at
    subscription.save(update_fields=["renews", "grace_until"])
    _note(subscription, "cancelled", now, ends_at=subscription.ends_at)
    _tier_refresh(user, now=now, because=f"subscription:{subscription.source}")


@transaction.atomic
def subscription_close(
    *, subscription: Subscription, because: str, now: datetime, actor_id: UUID | None = None
) -> bool:
    """It ends now; False where it had ended before."""
    user = _held(subscription.user_id)
    if not _close(subscription, because, now):
        return False
    _tier_refresh(user, now=now, because=f"subscription:{subscription.source}:{because}", actor_id=actor_id)
    return True


@transaction.atomic
def base_tier_set(*, user_id: UUID, tier: Tier | str, actor_id: UUID | None, now: datetime) -> None:
    """What the account opens without any subscription."""
    user = _held(user_id)
    user.base_tier = Tier(tier)
    user.save(update_fields=["base_tier"])
    _tier_refresh(user, now=now, because="base", actor_id=actor_id)


def subscriptions_sweep(*, now: datetime) -> tuple[int, int]:
    """Announce ends that are near and close what is over; (announced, closed). Each in a transaction of its own, so
    that a killed run is gone on with by the next one."""
    still = Subscription.objects.filter(closed_at=None)
    notice = timedelta(days=config.get("subscription.notice_days"))
    # A shorter one than the notice was never long enough to forget.
    ending = Q(renews=False, ends_at__lte=now + notice, ends_at__gt=F("starts_at") + notice)
    unpaid = Q(renews=True, ends_at__lte=now)
    near = still.filter(ending | unpaid, noticed_at=None, grace_until__gt=now)
    announced = sum(_announce(pk, now) for pk in near.values_list("pk", flat=True)[:BATCH])
    over = still.filter(grace_until__lte=now)
    closed = sum(_expire(pk, now) for pk in over.values_list("pk", flat=True)[:BATCH])
    return announced, closed


@transaction.atomic
def _announce(pk: UUID, now: datetime) -> bool:
    if not Subscription.objects.filter(pk=pk, closed_at=None, noticed_at=None).update(noticed_at=now):
        return False
    row = Subscription.objects.get(pk=pk)
    assert row.ends_at is not None and row.grace_until is not None
    name = Tier(row.tier).label
    if row.renews:
        text = (
            f"Your {name} subscription ended at {_told(row.ends_at)}, and no payment has arrived since. "
            f"It stays open until {_told(row.grace_until)}."
        )
        title = f"Your {name} subscription was not renewed"
    else:
        text = f"Your {name} rights end at {_told(row.ends_at)}. After that your account opens what its own tier opens."
        title = f"Your {name} rights end soon"
    letter_write(user_id=row.user_id, title=title, text=text, now=now)
    _note(row, "announced", now)
    return True


@transaction.atomic
def _expire(pk: UUID, now: datetime) -> bool:
    row = Subscription.objects.get(pk=pk)
    user = _held(row.user_id)
    # Read again now that nobody else changes it: it may have been paid on meanwhile.
    row = Subscription.objects.get(pk=pk)
    if row.grace_until is None or row.grace_until > now or not _close(row, "expired", now):
        return False
    after = _tier_refresh(user, now=now, because=f"subscription:{row.source}:expired")
    letter_write(
        user_id=user.pk,
        title=f"Your {Tier(row.tier).label} rights have ended",
        text=f"They ended at {_told(row.ends_at)}. Your account now has the {Tier(after).label} tier.",
        now=now,
    )
    return True


def _close(row: Subscription, because: str, now: datetime) -> bool:
    open_one = Subscription.objects.filter(pk=row.pk, closed_at=None)
    if not open_one.update(closed_at=now, closed_because=because):
        return False
    row.closed_at, row.closed_because = now, because
    _note(row, "closed", now, because=because)
    return True


def _tier_refresh(user: User, *, now: datetime, because: str, actor_id: UUID | None = None) -> str:
    """Store the tier that follows from the base and what is open; the caller holds the user's row."""
    counting = Subscription.objects.filter(user=user, closed_at=None).filter(
        Q(grace_until=None) | Q(grace_until__gt=now)
    )
    tier = max((user.base_tier, *counting.values_list("tier", flat=True)), key=lambda name: Tier(name).rank)
    if tier != user.tier:
        before, user.tier = user.tier, tier
        User.objects.filter(pk=user.pk).update(tier=tier)
        audit.record(
            actor_id=actor_id,
            action="user.tier",
            target=f"accounts.User:{user.pk}",
            changes={"before": before, "after": tier, "because": because},
        )
        events.publish(TierChanged(user.pk, before, tier))
    return tier


def _held(user_id: UUID) -> User:
    """The user, whom nobody else changes until the transaction ends."""
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _grace(ends_at: datetime | None, grace_days: int | None) -> datetime | None:
    days = config.get("subscription.grace_days") if grace_days is None else grace_days
    return None if ends_at is None else ends_at + timedelta(days=days)


def _note(row: Subscription, action: str, now: datetime, **facts: Any) -> None:
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}
    SubscriptionChange.objects.create(subscription=row, at=now, action=action, facts=plain)


def _told(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
