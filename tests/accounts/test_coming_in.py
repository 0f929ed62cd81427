"""Coming in: invitations, registering and confirming over real requests, and what nobody can find out by it."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.db import connection
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.exceptions import ConfirmationRefused, InvitationRefused
from apps.accounts.models import Invitation, InvitationUse, Letter, Registration, Subscription, User
from apps.accounts.selectors import letters_owed
from apps.accounts.services import (
    invitation_create,
    invitation_revoke,
    registration_confirm,
    registration_start,
    registrations_prune,
    token_create,
    user_create,
)
from apps.accounts.services.registrations import CODE_LIVES, PENDING_LIVES, TRIES_MAX
from apps.accounts.tasks import prune
from apps.core import clock, config
from apps.core.exceptions import PermanentError
from apps.core.models import AuditRecord
from tests.accounts.conftest import MakeUser

PASSWORD = "correct horse battery"
URL = "/api/v1/auth/register"


@pytest.fixture(autouse=True)
def _calm(settings: Any, redis_state: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    config.forget()


def invited(**fields: Any) -> str:
    return invitation_create(**fields, now=clock.wall_now())[1]


def register(email: str = "ada@example.test", **fields: Any) -> Any:
    return APIClient().post(URL, {"email": email, "password": PASSWORD, **fields}, format="json")


def confirm(registration: str, code: str) -> Any:
    return APIClient().post(f"{URL}/confirm", {"registration": registration, "code": code}, format="json")


def code_sent() -> str:
    """The code in the newest letter."""
    letters = letters_owed(now=clock.wall_now(), at_most=100)
    found = re.search(r"code is (\d{8})", letters[-1].text)
    assert found is not None
    return found[1]


def test_an_invited_person_registers_confirms_and_signs_in(db: None) -> None:
    answer = register(invitation_code=invited(), name="Ada", timezone="Europe/Berlin")
    assert answer.status_code == 202, answer.json()
    user = User.objects.get()
    assert (user.status, user.has_usable_password()) == (UserStatus.PENDING, False)
    assert authenticate(username="ada@example.test", password=PASSWORD) is None
    done = confirm(answer.json()["registration"], code_sent())
    assert (done.status_code, done.json()["email"], done.json()["tier"]) == (200, "ada@example.test", "free")
    user.refresh_from_db()
    assert authenticate(username="ada@example.test", password=PASSWORD) == user
    assert (user.name, user.timezone, user.email_confirmed_at is not None) == ("Ada", "Europe/Berlin", True)
    use = InvitationUse.objects.get()
    assert (use.user, use.used_at is not None, use.invitation.used) == (user, True, 1)
    row = Registration.objects.get()
    assert (row.password, row.digest) == ("", "")
    assert user.referral_codes.get().active


def test_the_code_is_stored_nowhere_that_can_be_read(db: None) -> None:
    register(invitation_code=invited())
    code = code_sent()
    for model in (Registration, Letter, AuditRecord, User):
        for row in model._default_manager.values():
            assert code not in str(row)


def test_an_invitation_is_stored_as_a_hash_and_read_with_blanks_and_lookalikes(db: None) -> None:
    text = invited()
    assert text.replace("-", "") not in str(Invitation.objects.values().get())
    sloppy = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert register(invitation_code=sloppy).status_code == 202


def _unknown() -> str:
    return "00000-00000-00000-00000"


def _used_up() -> str:
    text = invited()
    registration_start(email="first@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now())
    return text


def _expired() -> str:
    text = invited(expires_at=clock.wall_now() + timedelta(seconds=1))
    Invitation.objects.update(expires_at=clock.wall_now())
    return text


def _revoked() -> str:
    row, text = invitation_create(now=clock.wall_now())
    assert invitation_revoke(invitation_id=row.pk, actor_id=None, now=clock.wall_now())
    assert not invitation_revoke(invitation_id=row.pk, actor_id=None, now=clock.wall_now())
    return text


@pytest.mark.parametrize("make", [_unknown, _used_up, _expired, _revoked])
def test_what_opens_nothing_is_refused_alike_and_makes_nobody(db: None, make: Any) -> None:
    text = make()
    before = (User.objects.count(), Registration.objects.count())
    answer = register(invitation_code=text)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("invitation_code", "invitation_refused")
    assert error["detail"] == "This invitation opens nothing: it is unknown, used up, expired or revoked."
    assert (User.objects.count(), Registration.objects.count()) == before


def test_without_an_invitation_only_where_registering_is_open_to_all(db: None) -> None:
    assert register().json()["errors"][0]["code"] == "invitation_required"
    config.config_set(key="registration.invited_only", value=False, actor_id=None)
    assert register().status_code == 202
    config.config_set(key="registration.open", value=False, actor_id=None)
    assert register("bob@example.test", invitation_code=invited()).json()["code"] == "registration_closed"
    for key in ("registration.invited_only", "registration.open"):
        config.config_reset(key=key, actor_id=None)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_at_once_for_the_last_place_one_gets_it() -> None:
    text, together = invited(), Barrier(4)

    def come(number: int) -> str:
        together.wait()
        try:
            registration_start(
                email=f"p{number}@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now()
            )
            return "in"
        except InvitationRefused:
            return "out"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(come, range(4)))
    assert outcomes == ["in", "out", "out", "out"]
    assert (User.objects.count(), Registration.objects.count(), Invitation.objects.get().used) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_one_address_twice_at_once_is_one_account_and_one_place() -> None:
    text, together = invited(max_uses=5), Barrier(3)

    def come(_: int) -> None:
        together.wait()
        try:
            registration_start(email="ada@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now())
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(come, range(3)))
    assert (User.objects.count(), Registration.objects.count(), Invitation.objects.get().used) == (1, 3, 1)


def test_a_taken_address_gets_the_same_answer_and_its_owner_a_letter(make_user: MakeUser) -> None:
    ada = make_user("ada", password=PASSWORD)
    taken, free = register(invitation_code=invited()), register("new@example.test", invitation_code=invited())
    assert (taken.status_code, set(taken.json())) == (free.status_code, set(free.json())) == (
        202, {"registration", "code_expires_at"},
    )  # fmt: skip
    letters = {letter.email: letter for letter in letters_owed(now=clock.wall_now(), at_most=9)}
    assert "has an account already" in letters["ada@example.test"].text
    assert not re.search(r"\d{8}", letters["ada@example.test"].text)
    # Both invitations have lost a place, and no code fits the taken address, however it is asked.
    assert list(Invitation.objects.values_list("used", flat=True)) == [1, 1]
    wrong = [confirm(one.json()["registration"], "00000000").json() for one in (taken, free)]
    assert wrong[0] == wrong[1]
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert authenticate(username="ada@example.test", password=PASSWORD) == ada


def test_who_registers_anothers_address_never_sets_its_password(db: None) -> None:
    text = invited(max_uses=2)
    theirs = registration_start(
        email="ada@example.test", password="the attacker's own words", invitation_code=text, now=clock.wall_now()
    )
    mine = register(invitation_code=text).json()["registration"]
    code = code_sent()
    with pytest.raises(ConfirmationRefused):
        registration_confirm(registration_id=theirs.pk, code=code, now=clock.wall_now())
    assert confirm(mine, code).status_code == 200
    assert authenticate(username="ada@example.test", password=PASSWORD) is not None
    assert authenticate(username="ada@example.test", password="the attacker's own words") is None


def test_guesses_are_few_and_a_late_code_opens_nothing(db: None) -> None:
    registration = register(invitation_code=invited()).json()["registration"]
    code = code_sent()
    wrong = str((int(code) + 1) % 10**8).zfill(8)
    assert [confirm(registration, wrong).json()["code"] for _ in range(TRIES_MAX)] == ["code_wrong"] * TRIES_MAX
    assert confirm(registration, code).json()["code"] == "code_expired"
    again = APIClient().post(f"{URL}/resend", {"registration": registration}, format="json")
    assert again.status_code == 202
    fresh = code_sent()
    with time_machine.travel(clock.wall_now() + CODE_LIVES, tick=False):
        assert confirm(registration, fresh).json()["code"] == "code_expired"
    assert User.objects.get().status == UserStatus.PENDING
    assert confirm(registration, fresh).status_code == 200
    assert confirm(registration, fresh).json()["code"] == "code_expired"


def test_another_code_for_nobody_is_answered_alike(db: None) -> None:
    ghost = {"registration": "00000000-0000-4000-8000-000000000000"}
    assert APIClient().post(f"{URL}/resend", ghost, format="json").status_code == 202
    assert confirm(ghost["registration"], "12345678").json()["code"] == "code_expired"
    assert not Letter.objects.exists()


def test_requests_from_one_place_are_limited(db: None) -> None:
    statuses = [register(f"p{n}@example.test", invitation_code=_unknown()).status_code for n in range(11)]
    assert statuses == [400] * 10 + [429]


def test_one_address_is_written_to_a_few_times_only(db: None) -> None:
    text = invited()
    answers = [register(invitation_code=text) for _ in range(4)]
    assert [one.status_code for one in answers] == [202, 202, 202, 429]
    assert answers[3].json()["code"] == "too_many_codes"
    assert (Letter.objects.count(), Invitation.objects.get().used) == (3, 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "ada@example.test"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"locale": "../.."}, "locale"),
        ({"role": "super_admin"}, "role"),
        ({"tier": "enterprise"}, "tier"),
        ({"referral_code": "NOBODYS"}, "referral_code"),
    ],
)
def test_what_is_wrong_is_told_where_it_is_and_keeps_no_place(db: None, fields: dict[str, str], field: str) -> None:
    text = invited()
    body = {"email": "ada@example.test", "password": PASSWORD, "invitation_code": text, **fields}
    answer = APIClient().post(URL, body, format="json")
    assert (answer.status_code, {error["field"] for error in answer.json()["errors"]}) == (400, {field})
    assert not User.objects.exists()
    assert Invitation.objects.get().used == 0


def test_who_never_confirms_gives_the_place_back(make_user: MakeUser) -> None:
    make_user("op", status=UserStatus.PENDING)
    text = invited()
    late = clock.wall_now() - PENDING_LIVES - timedelta(minutes=1)
    with time_machine.travel(late, tick=False):
        registration_start(email="ada@example.test", password=PASSWORD, invitation_code=text, now=late)
    with pytest.raises(InvitationRefused):
        registration_start(email="bob@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now())
    prune()
    # Nobody that an operator made is taken for one who never came.
    assert list(User.objects.values_list("email", flat=True)) == ["op@example.test"]
    assert (Invitation.objects.get().used, InvitationUse.objects.count(), Registration.objects.count()) == (0, 0, 0)
    assert registration_start(email="bob@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now())
    assert registrations_prune(now=clock.wall_now()) == 0


def test_a_beta_invitation_gives_premium_for_its_days(db: None) -> None:
    text = invited(purpose="beta")
    row = registration_start(email="ada@example.test", password=PASSWORD, invitation_code=text, now=clock.wall_now())
    user = registration_confirm(registration_id=row.pk, code=code_sent(), now=clock.wall_now())
    subscription = Subscription.objects.get()
    assert (user.tier, user.base_tier, subscription.source) == (Tier.PREMIUM, Tier.FREE, "beta")
    assert subscription.ends_at is not None
    assert subscription.ends_at - subscription.starts_at == timedelta(days=180)


@pytest.mark.parametrize(
    "fields",
    [{"tier": "premium"}, {"days": 3}, {"max_uses": 0}, {"max_uses": 10_001}, {"expires_at": clock.wall_now()}],
)
def test_senseless_invitations_are_not_issued(db: None, fields: dict[str, Any]) -> None:
    with pytest.raises(PermanentError) as caught:
        invited(**fields)
    assert caught.value.code == "bad_invitation"
    assert not Invitation.objects.exists()


def client_of(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=user, name='test')}")
    return client


def test_operators_issue_see_and_revoke(make_user: MakeUser) -> None:
    op = make_user("op", role=Role.ADMIN)
    client = client_of(op)
    url = "/api/v1/admin/invitations"
    made = client.post(url, {"purpose": "partner", "max_uses": 2, "tier": "pro", "days": 10}, format="json")
    assert (made.status_code, made.json()["tier"], made.headers["Cache-Control"]) == (201, "enterprise", "no-store")
    one = f"{url}/{made.json()['id']}"
    assert register(invitation_code=made.json()["code"]).status_code == 202
    assert made.json()["code"] not in str(client.get(url).json()) + str(client.get(one).json())
    assert (client.get(one).json()["used"], client.get(one).json()["created_by"]) == (1, str(op.pk))
    [use] = client.get(f"{one}/uses").json()["results"]
    assert (use["email"], use["user"], use["used_at"]) == ("ada@example.test", None, None)
    assert [len(client.get(f"{url}?usable={word}").json()["results"]) for word in ("true", "false")] == [1, 0]
    assert client.get(f"{url}?usable=perhaps").status_code == 400
    assert [client.delete(one).status_code for _ in range(2)] == [204, 204]
    assert register("bob@example.test", invitation_code=made.json()["code"]).status_code == 400
    assert client.get(f"{url}/00000000-0000-4000-8000-000000000000").status_code == 404
    actions = list(AuditRecord.objects.filter(action__startswith="invitation").values_list("action", "actor_id"))
    assert sorted(actions) == [("invitation.created", str(op.pk)), ("invitation.revoked", str(op.pk))]


def test_nobody_else_sees_or_issues_invitations(make_user: MakeUser) -> None:
    row, _ = invitation_create(now=clock.wall_now())
    url = "/api/v1/admin/invitations"
    for user, status in ((None, 401), (make_user("ada", Tier.ENTERPRISE), 403)):
        client = client_of(user)
        answers = [
            client.get(url), client.post(url, {}, format="json"), client.get(f"{url}/{row.pk}"),
            client.delete(f"{url}/{row.pk}"), client.get(f"{url}/{row.pk}/uses"),
        ]  # fmt: skip
        assert {one.status_code for one in answers} == {status}
    assert Invitation.objects.get().revoked_at is None


def test_the_list_asks_the_database_as_often_for_many(make_user: MakeUser, django_assert_max_num_queries: Any) -> None:
    client = client_of(make_user("op", role=Role.ADMIN))
    client.get("/api/v1/admin/invitations")
    for _ in range(20):
        invited()
    with django_assert_max_num_queries(4):
        assert len(client.get("/api/v1/admin/invitations").json()["results"]) == 20


def test_user_create_is_not_what_registering_makes(db: None) -> None:
    assert not user_create(email="op@example.test").registered
