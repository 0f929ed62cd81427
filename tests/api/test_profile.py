"""Who one is: what can be said of oneself, how far one has come, and what becomes of closed accounts."""

from contextlib import nullcontext
from typing import Any

import pytest
from babel import Locale
from rest_framework.test import APIClient

from apps.accounts import onboarding
from apps.accounts.enums import Role, Source, Tier, UserStatus
from apps.accounts.exceptions import StatusRefused
from apps.accounts.models import AccountSession, ApiToken, SessionKind, TwoFactor, User
from apps.accounts.profile import LOCALES, timezones, zone_or_utc
from apps.accounts.services import subscription_start, token_create, user_create
from apps.accounts.services.sessions import session_open
from apps.accounts.services.status import TRANSITIONS, user_deactivate, user_reactivate, user_suspend
from apps.core import clock, config
from apps.core.models import AuditRecord
from apps.notifications.services import endpoint_create
from apps.opportunities.models import Execution
from apps.opportunities.services import preferences_set
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

PROFILE = "/api/v1/users/profile"
HOOK = {"secret": "whsec_c2VjcmV0LXRoYXQtbm8tcGFnZS1zaG93cw=="}


@pytest.fixture
def ada(make_user: MakeUser) -> User:
    return make_user("ada")


@pytest.fixture
def api(ada: User) -> APIClient:
    return client_of(ada)


def done(api: APIClient) -> set[str]:
    return {step["name"] for step in api.get(PROFILE).json()["onboarding"]["steps"] if step["done_at"]}


def test_what_people_say_of_themselves(api: APIClient, ada: User) -> None:
    body = api.patch(PROFILE, {"name": "Ada", "timezone": "Asia/Kolkata", "locale": "pt_br"}, format="json").json()
    assert (body["name"], body["timezone"], body["locale"]) == ("Ada", "Asia/Kolkata", "pt-BR")
    body = api.patch(PROFILE, {"name": ""}, format="json").json()
    assert body == api.get(PROFILE).json()
    assert (body["name"], body["timezone"], body["email"], body["tier"]) == ("", "Asia/Kolkata", ada.email, "premium")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "localtime"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"locale": "xx"}, "locale"),
        ({"locale": "en-"}, "locale"),
        ({"name": "x" * 121}, "name"),
        ({"password": "x"}, "password"),
    ],
)
def test_what_is_not_known_is_told_and_changes_nothing(api: APIClient, ada: User, said: Any, field: str) -> None:
    answer = api.patch(PROFILE, {"name": "Other"} | said, format="json")
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, [field])
    ada.refresh_from_db()
    assert (ada.name, ada.timezone, ada.locale) == ("ada", "UTC", "en")


def test_what_operators_give_is_not_taken(api: APIClient, ada: User) -> None:
    said = {"tier": "enterprise", "role": "super_admin", "status": "pending", "email": "eve@example.test"}
    before = api.get(PROFILE).json()
    assert api.patch(PROFILE, said, format="json").json() == before


def test_nothing_without_signing_in() -> None:
    assert APIClient().get(PROFILE).status_code == APIClient().patch(PROFILE, {}, format="json").status_code == 401


def test_offered_locales_are_ones_that_figures_can_be_written_in(db: None, api: APIClient) -> None:
    assert all(Locale.parse(name, sep="-") for name in LOCALES.split())
    config.config_set(key="profile.locales", value="en sv", actor_id=None)
    assert api.patch(PROFILE, {"locale": "sv"}, format="json").status_code == 200
    assert api.patch(PROFILE, {"locale": "de"}, format="json").status_code == 400
    with pytest.raises(Exception, match="write locales such as"):
        config.config_set(key="profile.locales", value="en; drop", actor_id=None)


def test_operators_can_not_store_what_nobody_knows_neither(ada: User) -> None:
    ada.timezone = "Nowhere"
    with pytest.raises(Exception, match="no such time zone"):
        ada.full_clean()
    # Rows from before names were checked are read as UTC.
    assert zone_or_utc("Nowhere").key == "UTC"
    assert {"UTC", "Europe/Berlin"} <= timezones()


def test_steps_are_done_by_doing_them(
    api: APIClient, ada: User, make_opportunity: MakeOpportunity, redis_state: None
) -> None:
    now = clock.now()
    User.objects.filter(pk=ada.pk).update(registered=True)
    assert set(onboarding.steps()) == {"email", "second_factor", "exchange_key", "preferences", "paper", "channel"}
    assert done(api) == set()
    User.objects.filter(pk=ada.pk).update(email_confirmed_at=now)
    assert done(api) == {"email"}
    preferences_set(user=ada, wishes={"max_risk": "low"}, now=now)
    endpoint_create(user_id=ada.pk, channel="webhook", address="https://hooks.example.test/1", credentials=HOOK)
    assert done(api) == {"email", "preferences"}
    assert api.get(PROFILE).json()["onboarding"]["finished"] is False
    hook = "https://hooks.example.test/2"
    endpoint_create(user_id=ada.pk, channel="webhook", address=hook, credentials=HOOK, verified=True)
    assert done(api) == {"email", "preferences", "channel"}
    assert api.get(PROFILE).json()["onboarding"]["finished"] is True
    TwoFactor.objects.create(user=ada, secret="x", created_at=now, confirmed_at=now)
    subscription_start(user_id=ada.pk, tier="basic", source=Source.EXCHANGE_KEY, days=None, now=now)
    row = make_opportunity()
    Execution.objects.create(
        user=ada, opportunity=row, kind=row.kind, symbol="BTC/USDT", quote="USDT", asked=1, size=1, profit=0,
        gross_edge=row.gross_edge, net_edge=row.net_edge, legs=row.legs, evidence={}, origin="sandbox", executed_at=now,
    )  # fmt: skip
    assert done(api) == set(onboarding.steps())


def test_who_was_made_by_an_operator_has_nothing_to_confirm(api: APIClient) -> None:
    assert "email" in done(api)


_MOVES = {
    UserStatus.SUSPENDED: user_suspend,
    UserStatus.ACTIVE: user_reactivate,
    UserStatus.DEACTIVATED: user_deactivate,
}


@pytest.mark.parametrize("target", _MOVES)
@pytest.mark.parametrize("before", UserStatus)
def test_accounts_move_only_where_they_may(make_user: MakeUser, before: UserStatus, target: UserStatus) -> None:
    operator = make_user("op", role=Role.ADMIN)
    user = user_create(email="somebody@example.test", tier=Tier.FREE, status=before)
    move = _MOVES[target]
    if target in TRANSITIONS[before]:
        move(user_id=user.pk, actor_id=operator.pk, reason="asked", now=clock.now())
        record = AuditRecord.objects.get(action="user.status")
        assert record.changes == {"status": [before.value, target.value], "reason": "asked"}
        expected = target
    else:
        with nullcontext() if before is target else pytest.raises(StatusRefused):
            move(user_id=user.pk, actor_id=operator.pk, reason="asked", now=clock.now())
        assert not AuditRecord.objects.filter(action="user.status").exists()
        expected = before
    user.refresh_from_db()
    assert user.status == expected


def test_suspended_people_are_out_at_once_and_their_tokens_wait(ada: User, make_user: MakeUser) -> None:
    operator = make_user("op", role=Role.ADMIN)
    _, text = session_open(user=ada, kind=SessionKind.API, now=clock.now())
    token = token_create(user=ada, name="bot")
    session, program = APIClient(), APIClient()
    session.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    program.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert session.get(PROFILE).status_code == program.get(PROFILE).status_code == 200
    user_suspend(user_id=ada.pk, actor_id=operator.pk, reason="", now=clock.now())
    assert session.get(PROFILE).status_code == program.get(PROFILE).status_code == 401
    user_reactivate(user_id=ada.pk, actor_id=operator.pk, reason="", now=clock.now())
    assert (session.get(PROFILE).status_code, program.get(PROFILE).status_code) == (401, 200)
    assert AccountSession.objects.get().ended_because == "suspended"
    user_deactivate(user_id=ada.pk, actor_id=operator.pk, reason="", now=clock.now())
    user_reactivate(user_id=ada.pk, actor_id=operator.pk, reason="", now=clock.now())
    assert program.get(PROFILE).status_code == 401
    assert ApiToken.objects.get(user=ada).revoked_at is not None


def test_nobody_shuts_themselves_out(make_user: MakeUser) -> None:
    operator = make_user("op", role=Role.ADMIN)
    for move in (user_suspend, user_deactivate):
        with pytest.raises(StatusRefused) as refused:
            move(user_id=operator.pk, actor_id=operator.pk, reason="", now=clock.now())
        assert refused.value.code == "status_own"
