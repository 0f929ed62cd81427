"""Writes: a payment provider's signed messages, and the subscriptions that they change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction

from apps.accounts.enums import EventState, Source, Tier
from apps.accounts.exceptions import PaymentRefused
from apps.accounts.managers import email_normal
from apps.accounts.models import PaymentEvent, Subscription, User
from apps.accounts.services.referrals import referral_paid
from apps.accounts.services.subscriptions import (
    subscription_cancel,
    subscription_close,
    subscription_extend,
    subscription_start,
)
from apps.core import audit, config
from apps.core.exceptions import OperatorError

KEPT: Final = timedelta(days=400)
ID_LENGTH: Final = 120
# The longest time that anybody can have paid for, and what no payment in any currency comes to.
_LONGEST: Final = timedelta(days=3700)
_HUGE: Final = Decimal(10) ** 12


class Bought(msgspec.Struct, frozen=True):
    """What a message is about: whose subscription, of which plan, until when, and what was paid."""

    subscription: str
    user: str = ""
    plan: str = ""
    ends_at: datetime | None = None
    amount: Decimal = Decimal(0)
    currency: str = ""

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or not -_HUGE < self.amount < _HUGE:
            raise ValueError("amount is no sum of money")
        if any("\0" in text for text in (self.subscription, self.user, self.plan, self.currency)):
            raise ValueError("a text has the character NUL")


class Message(msgspec.Struct, frozen=True):
    """A message as the provider writes it; `timestamp` is when it happened there."""

    type: str
    timestamp: datetime
    data: Bought

    def __post_init__(self) -> None:
        if "\0" in self.type:
            raise ValueError("a text has the character NUL")


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a message; `again` where it had come before, and nothing was done."""

    event: PaymentEvent
    again: bool = False


def signature_check(*, body: bytes, headers: Mapping[str, str]) -> str:
    """The message's id, where it is signed (Standard Webhooks 1.0.0) with one of our secrets, by real time within five
    minutes; else PaymentRefused(code="signature"). OperatorError where a secret is unusable."""
    # Loaded with the first message: no other process needs it.
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    # One more while the provider changes over to it.
    for secret in settings.PAYMENT_WEBHOOK_SECRETS:
        try:
            signer = Webhook(secret)
        except (ValueError, RuntimeError) as error:
            raise OperatorError("PAYMENT_WEBHOOK_SECRETS holds no usable secret.", code="bad_secret") from error
        try:
            signer.verify(body, dict(headers), json_parse=False)
        # What is not even formed like a signature makes the library stumble.
        except (WebhookVerificationError, ValueError):
            continue
        return {name.lower(): value for name, value in headers.items()}["webhook-id"]
    raise PaymentRefused("This is not signed by the payment provider, or too old.", code="signature")


def payment_apply(*, event_id: str, body: bytes, now: datetime) -> Applied:
    """Apply a message whose signature was checked. The same id has one effect; one that was refused is tried again.

    What can't be applied (an unknown user, an unknown plan) is stored with its reason and raised as PaymentRefused."""
    if not 0 < len(event_id) <= ID_LENGTH or "\0" in event_id:
        raise PaymentRefused("The message's id is empty, too long or holds the character NUL.", code="bad_message")
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PaymentRefused(f"The message can't be read: {error}", code="bad_message") from error
    plain = msgspec.to_builtins(message.data)
    with transaction.atomic():
        row, made = PaymentEvent.objects.get_or_create(
            pk=event_id,
            defaults={"type": message.type[:80], "body": plain, "state": EventState.REFUSED, "received_at": now},
        )
        # Two deliveries of one message: the second waits here, and then sees what the first has done.
        row = PaymentEvent.objects.select_for_update().get(pk=row.pk)
        if not made and row.state != EventState.REFUSED:
            return Applied(row, again=True)
        refusal: PaymentRefused | None = None
        try:
            with transaction.atomic():
                row.state, row.reason, row.code = _handled(row, message, now), "", ""
        except PaymentRefused as error:
            refusal = error
            row.state, row.reason, row.code = EventState.REFUSED, error.message[:300], error.code
        row.attempts += 0 if made else 1
        row.save()
    if refusal is not None:
        raise refusal
    return Applied(row)


def payments_prune(*, now: datetime) -> int:
    """Delete messages past their retention; returns how many."""
    return PaymentEvent.objects.filter(received_at__lt=now - KEPT).delete()[0]


def _handled(row: PaymentEvent, message: Message, now: datetime) -> EventState:
    handle = _HANDLERS.get(message.type)
    if handle is None:
        return EventState.IGNORED
    if message.timestamp.tzinfo is None:
        raise PaymentRefused("The message's timestamp has no time zone.", code="bad_message")
    known = _subscription(message.data.subscription)
    row.user = known.user if known is not None else _user(message.data.user)
    # Whoever is held here is not changed by another message meanwhile.
    User.objects.select_for_update(no_key=True).get(pk=row.user.pk)
    known = _subscription(message.data.subscription)
    if known is not None and known.told_at is not None and message.timestamp < known.told_at:
        # Messages overtake each other; what is known is newer.
        return EventState.IGNORED
    applied = handle(row, message, known, now)
    Subscription.objects.filter(pk=applied.pk).update(told_at=message.timestamp)
    audit.record(
        actor_id=None,
        action="payment.applied",
        target=f"accounts.Subscription:{applied.pk}",
        changes={"event": row.pk, "type": row.type, "plan": message.data.plan},
    )
    return EventState.APPLIED


def _paid(row: PaymentEvent, message: Message, known: Subscription | None, now: datetime) -> Subscription:
    """A period was paid: the subscription is open until its end, of the plan that was paid."""
    bought = message.data
    tier, ends_at = _tier(bought.plan), _end(bought.ends_at, now)
    assert row.user is not None
    if known is not None and known.closed_at is None and known.tier == tier and known.plan == bought.plan:
        subscription_extend(subscription=known, ends_at=ends_at, now=now)
        Subscription.objects.filter(pk=known.pk).update(renews=True)
        paid_for = known
    else:
        paid_for = subscription_start(
            user_id=row.user.pk,
            tier=tier,
            source=Source.PAYMENT,
            now=now,
            ends_at=ends_at,
            plan=bought.plan,
            external_id=bought.subscription,
            renews=True,
        )
    if bought.amount > 0 and bought.currency:
        referral_paid(
            user_id=row.user.pk, amount=bought.amount, currency=bought.currency[:8].upper(), payment_id=row.pk, now=now
        )
    return paid_for


def _cancelled(_row: PaymentEvent, _message: Message, known: Subscription | None, now: datetime) -> Subscription:
    """Nothing is paid after this period."""
    subscription = _known(known)
    subscription_cancel(subscription=subscription, now=now)
    return subscription


def _ended(_row: PaymentEvent, _message: Message, known: Subscription | None, now: datetime) -> Subscription:
    """It is over at once, for example because the money went back."""
    subscription = _known(known)
    subscription_close(subscription=subscription, because="ended_by_provider", now=now)
    return subscription


Handler = Callable[[PaymentEvent, Message, Subscription | None, datetime], Subscription]
_HANDLERS: Final[Mapping[str, Handler]] = {
    "subscription.started": _paid,
    "subscription.renewed": _paid,
    "subscription.changed": _paid,
    "subscription.cancelled": _cancelled,
    "subscription.ended": _ended,
}
TYPES: Final = tuple(_HANDLERS)


def _known(known: Subscription | None) -> Subscription:
    if known is None or known.closed_at is not None:
        raise PaymentRefused("There is no open subscription of this id.", code="unknown_subscription")
    return known


def _subscription(external_id: str) -> Subscription | None:
    """The newest one that the provider calls so."""
    if not 0 < len(external_id) <= ID_LENGTH:
        raise PaymentRefused("The message names no subscription.", code="bad_message")
    mine = Subscription.objects.filter(source=Source.PAYMENT, external_id=external_id)
    return mine.select_related("user").order_by("-created_at").first()


def _user(name: str) -> User:
    """By id or by address."""
    try:
        found = User.objects.filter(pk=UUID(name)).first()
    except ValueError:
        found = User.objects.filter(email=email_normal(name)).first() if "@" in name else None
    if found is None:
        raise PaymentRefused("The message names nobody who has an account.", code="unknown_user")
    return found


def _tier(plan: str) -> Tier:
    for tier in list(Tier)[1:]:
        if plan in config.get(f"payment.plans.{tier.value}").split():
            return tier
    try:
        tier = Tier(plan)
    except ValueError:
        tier = Tier.FREE
    if tier is Tier.FREE:
        raise PaymentRefused(f"There is no plan {plan[:80]!r}: name it in payment.plans.*.", code="unknown_plan")
    return tier


def _end(ends_at: datetime | None, now: datetime) -> datetime:
    if ends_at is None or ends_at.tzinfo is None or not now < ends_at <= now + _LONGEST:
        raise PaymentRefused("The message names no end of what was paid that lies ahead.", code="bad_message")
    return ends_at
