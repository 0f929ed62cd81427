"""One row of every model, with secrets that no page may show, and the people who look."""

import uuid
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from apps.accounts.enums import Role, Tier
from apps.accounts.models import (
    Affiliate,
    ApiToken,
    BonusEntry,
    InvitationUse,
    PaymentEvent,
    Recovery,
    RecoveryCode,
    Referral,
    ReferralCode,
    Registration,
    SessionKind,
    SubscriptionChange,
    TwoFactor,
    User,
)
from apps.accounts.services import invitation_create, letter_write, subscription_start, token_create, user_create
from apps.accounts.services.exchange_keys import exchange_key_add
from apps.accounts.services.sessions import session_open
from apps.accounts.services.two_factor import two_factor_start
from apps.core import audit, clock, config
from apps.core.models import AuditAnchor, ConfigValue, IdempotencyKey, ScheduleSlot
from apps.distribution.models import AlertFired, AlertTrigger, Distribution
from apps.distribution.models import Group as AlertGroup
from apps.markets.models import (
    CurrencyNetwork,
    DeadLetter,
    DeniedBase,
    Exchange,
    Feed,
    FeeRule,
    InstrumentAlias,
    Market,
    Quarantine,
    SettledFunding,
)
from apps.notifications.models import (
    Attachment,
    Delivery,
    DeliveryAttempt,
    DeliveryProfile,
    DeliveryStatistic,
    Endpoint,
    EndpointCode,
    MessageFeedback,
    Notification,
    ReachPreferences,
    StatisticsHour,
    StoredFile,
)
from apps.notifications.services import endpoint_create, template_create
from apps.opportunities.models import (
    EdgePoint,
    Execution,
    Lifetime,
    Markout,
    Opportunity,
    OpportunityFeedback,
    Preferences,
    PreferencesVersion,
    Seen,
    TechnicalRule,
)

PASSWORD = "correct horse battery"
HOOK_SECRET = "whsec_c2VjcmV0LXRoYXQtbm8tcGFnZS1zaG93cw=="
HOOK_URL = "https://hooks.example.test/path-that-is-a-secret"
KEY_SECRET = "secret-of-an-exchange-key"
HIDDEN_ANSWER = "answer-for-its-caller-only"
MARKUP = "<script>alert(1)</script>"


@dataclass(frozen=True)
class World:
    """Everything that was stored: rows by model, and texts that must be on no page."""

    rows: dict[type[Model], Model]
    secrets: tuple[str, ...]


def opportunity_make(**fields: Any) -> Opportunity:
    """An active opportunity with markup in its words."""
    now = clock.now()
    legs = [
        {"exchange": "okx", "symbol": MARKUP, "market_id": 1, "side": "buy", "price": "1", "rate": None, "fee": "0.1"},
        {"exchange": "bybit", "symbol": "B", "market_id": 2, "side": "sell", "price": "2", "rate": None, "fee": "0.1"},
    ]
    row = {
        "id": uuid.uuid4(),
        "fingerprint": uuid.uuid4().hex,
        "kind": "cross_exchange",
        "instrument": "BTC",
        "symbol": "BTC/USDT",
        "quote": "USDT",
        "status": "active",
        "gross_edge": Decimal("0.004"),
        "net_edge": Decimal("0.002"),
        "peak_net_edge": Decimal("0.002"),
        "legs": legs,
        "leg_count": 2,
        "evidence": {"kind": "cross_exchange", "formula": "of old", "note": MARKUP},
        "origin": "sandbox",
        "opened_at": now,
        "activated_at": now,
        "last_seen_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    return Opportunity.objects.create(**(row | fields))


def notification_make(user: User, **fields: Any) -> Notification:
    """A message owed to `user`."""
    now = clock.now()
    row = {
        "template": "opportunity_test",
        "context": {"symbol": MARKUP},
        "priority": "high",
        "dedupe_key": uuid.uuid4().hex,
        "origin": "sandbox",
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    return Notification.objects.create(user=user, **(row | fields))


def delivery_make(notification: Notification, endpoint: Endpoint, **fields: Any) -> Delivery:
    """A dead letter."""
    now = clock.now()
    row = {
        "channel": endpoint.channel,
        "priority": notification.priority,
        "state": "dead",
        "next_attempt_at": now,
        "attempts": 5,
        "last_error": "HTTP 500",
        "created_at": now,
        "finished_at": now,
    }
    return Delivery.objects.create(notification=notification, endpoint=endpoint, **(row | fields))


def came_in(user: User, now: datetime) -> list[Model]:
    """Rows of how people come in and what they have."""
    invitation, _ = invitation_create(note=MARKUP, now=now)
    use = InvitationUse.objects.create(invitation=invitation, email="new@example.test", user=user, kept_at=now)
    code = ReferralCode.objects.create(user=user, code="TRADER26", created_at=now)
    newcomer = user_create(email="newcomer@example.test")
    referral = Referral.objects.create(referred=newcomer, referrer=user, code=code, created_at=now)
    subscription = subscription_start(user_id=user.pk, tier="enterprise", source="operator", days=30, now=now)
    return [
        invitation,
        use,
        Registration.objects.create(
            email="new@example.test", name=MARKUP, password=HIDDEN_ANSWER, digest=HIDDEN_ANSWER, created_at=now,
            code_expires_at=now, invitation_use=use,
        ),
        letter_write(user_id=user.pk, title=MARKUP, text=HIDDEN_ANSWER, now=now),
        code,
        referral,
        BonusEntry.objects.create(
            user=user, kind="referred", amount=100, referral=referral, note=MARKUP, cause="referred:1", created_at=now
        ),
        Affiliate.objects.create(user=user, words=MARKUP, applied_at=now),
        subscription,
        SubscriptionChange.objects.get(),
        PaymentEvent.objects.create(id="msg_1", type="subscription.started", state="applied", received_at=now),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hashing passwords well takes longer than everything else here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def trader(db: None) -> User:
    """An ordinary user."""
    return user_create(email="trader@example.test", password=PASSWORD, tier=Tier.PREMIUM)


@pytest.fixture
def world(trader: User, redis_state: None) -> World:
    """A row of everything."""
    now = clock.now()
    token_text = token_create(user=trader, name="bot")
    session_row, session_text = session_open(user=trader, kind=SessionKind.API, now=now)
    two_factor_secret = two_factor_start(user=trader, now=now).secret
    config.config_set(key="tier.free.delay_s", value=60, actor_id=None)
    endpoint = endpoint_create(
        user_id=trader.pk, channel="webhook", address=HOOK_URL, credentials={"secret": HOOK_SECRET}, verified=True
    )
    notification = notification_make(trader)
    delivery = delivery_make(notification, endpoint)
    opportunity = opportunity_make()
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    exchange = Exchange.objects.create(id="bybit", name="Bybit")
    market = Market.objects.create(
        exchange=exchange, symbol="BTC/USDT", type="spot", base="BTC", quote="USDT", instrument="BTC"
    )
    rows: list[Model] = [
        trader,
        ApiToken.objects.get(),
        session_row,
        TwoFactor.objects.get(),
        RecoveryCode.objects.create(user=trader, digest="c" * 64),
        Recovery.objects.create(user=trader, digest="e" * 64, created_at=now, expires_at=now),
        exchange_key_add(
            user_id=trader.pk,
            exchange="bybit",
            label=MARKUP,
            credentials={"apiKey": "key-of-an-exchange", "secret": KEY_SECRET},
            now=now,
        ),
        Group.objects.create(name="operators"),
        *came_in(trader, now),
        ConfigValue.objects.get(),
        audit.record(actor_id=trader.pk, action="test.done", target="accounts.User:1"),
        AuditAnchor.objects.create(position=1, digest="0" * 64, made_at=now),
        IdempotencyKey.objects.create(
            scope="orders",
            key="k",
            request_digest="d",
            status=201,
            body={"answer": HIDDEN_ANSWER},
            created_at=now,
            expires_at=now,
        ),
        ScheduleSlot.objects.create(name="markets.poll", last_slot=1_700_000_000_000, claimed_at=now),
        exchange,
        market,
        FeeRule.objects.create(exchange=exchange, tier="VIP9", taker="0.0004"),
        SettledFunding.objects.create(market=market, settled_at=now, rate=0.0001),
        CurrencyNetwork.objects.create(exchange=exchange, currency="BTC", network="BTC"),
        InstrumentAlias.objects.create(exchange=exchange, base="GAS", instrument="GAS@bybit"),
        DeniedBase.objects.create(exchange=exchange, base="SCAM", reason="no asset"),
        Quarantine.objects.create(market=market, ratio=3.0, compared_with="okx BTC/USDT"),
        DeadLetter.objects.create(
            exchange=exchange, kind="spot", trouble="rows", reason="1 row refused", body=zlib.compress(MARKUP.encode())
        ),
        Feed.objects.create(exchange=exchange, kind="spot", state="stale", reason="prices of 2021", last_ok_at=now),
        endpoint,
        ReachPreferences.objects.create(user=trader),
        DeliveryProfile.objects.create(
            name="calm", batch=10, concurrency=20, timeout_s=30, attempts=5, statistics_days=90
        ),
        EndpointCode.objects.create(
            user=trader, endpoint=endpoint, channel="webhook", digest="d" * 64, created_at=now, expires_at=now
        ),
        template_create(
            name="opportunity_test",
            subject="{{ symbol }}",
            body="Now: {{ symbol }}",
            variables=[{"name": "symbol", "type": "text", "example": "BTC/USDT"}],
        ),
        stored := StoredFile.objects.create(sha256="0" * 64, content_type="image/png", size=1, used_at=now),
        Attachment.objects.create(bundle="b", filename="chart.png", file=stored, created_at=now, expires_at=now),
        StatisticsHour.objects.create(hour=now, rolled_at=now, final_at=now),
        DeliveryStatistic.objects.create(
            hours=1, hour=now, channel="webhook", provider="hooks.example.test", template=MARKUP, delivered=1
        ),
        MessageFeedback.objects.create(delivery=delivery, answer="useful", given_at=now),
        notification,
        delivery,
        DeliveryAttempt.objects.create(
            delivery=delivery, number=1, started_at=now, finished_at=now, outcome="temporary", code="500"
        ),
        opportunity,
        Markout.objects.create(opportunity=opportunity, horizon_s=5, due_at=now),
        EdgePoint.objects.create(opportunity=opportunity, slot=0, at=now, net_edge=opportunity.net_edge, size=1000),
        Execution.objects.create(
            user=trader,
            opportunity=opportunity,
            kind=opportunity.kind,
            symbol=MARKUP,
            quote="USDT",
            asked=1000,
            size=900,
            gross_edge=opportunity.gross_edge,
            net_edge=opportunity.net_edge,
            profit=1,
            legs=opportunity.legs,
            evidence=opportunity.evidence,
            origin="sandbox",
            executed_at=now,
        ),
        OpportunityFeedback.objects.create(
            opportunity=opportunity, user=trader, state="ignored", reason="other", note=MARKUP, given_at=now
        ),
        Lifetime.objects.create(
            kind=opportunity.kind,
            instrument=MARKUP,
            origin="sandbox",
            episodes=3,
            running=1,
            longest_s=60,
            first_at=now,
            last_at=now,
            measured_at=now,
        ),
        Preferences.objects.create(user=trader, exchanges=[MARKUP], updated_at=now),
        PreferencesVersion.objects.create(
            user=trader, number=1, wishes={"symbols": [MARKUP]}, reason=MARKUP, changed_by=trader, at=now
        ),
        TechnicalRule.objects.create(
            owner=trader,
            name=MARKUP,
            side="buy",
            conditions={"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}]},
            created_at=now,
            updated_at=now,
        ),
        Seen.objects.create(
            user=trader, opportunity_id=opportunity.pk, family="arbitrage", day=now.date(), seen_at=now
        ),
        AlertGroup.objects.create(
            owner=trader,
            endpoint=endpoint,
            name=MARKUP,
            created_at=now,
        ),
        AlertTrigger.objects.create(
            user=trader, name=MARKUP, kind="price", params={"symbol": MARKUP}, created_at=now, updated_at=now
        ),
        AlertFired.objects.create(
            user=trader, kind="price", title=MARKUP, evidence={"quotes": [MARKUP]}, origin="sandbox", fired_at=now
        ),
        Distribution.objects.create(
            user=trader,
            recipient_id=trader.pk,
            opportunity_id=opportunity.pk,
            fingerprint=opportunity.fingerprint,
            kind=opportunity.kind,
            state="notified",
            due_at=now,
            decided_at=now,
        ),
        interval,
        CrontabSchedule.objects.create(minute="5"),
        SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1),
        ClockedSchedule.objects.create(clocked_time=now),
        PeriodicTask.objects.create(name="poll", task="markets.poll", interval=interval, expire_seconds=4),
    ]
    signing_in = (session_text, session_row.digest, session_row.standing, two_factor_secret, "c" * 64, "e" * 64)
    token = ApiToken.objects.get()
    at_rest = (token_text, token.digest, trader.password, HOOK_SECRET, HOOK_URL, endpoint.credentials)
    return World({type(row): row for row in rows}, (*signing_in, *at_rest, HIDDEN_ANSWER, KEY_SECRET))


@pytest.fixture
def operator(db: None) -> User:
    """A superuser."""
    return user_create(
        email="op@example.test", password=PASSWORD, role=Role.SUPER_ADMIN, is_staff=True, is_superuser=True
    )


@pytest.fixture
def page(operator: User) -> Client:
    """A browser in which the operator has signed in."""
    client = Client()
    client.force_login(operator)
    return client
