"""The door: who gets in, what strangers learn, how guessing is stopped, and that nobody can be locked out by it."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import hashers

from apps.accounts.enums import UserStatus
from apps.accounts.exceptions import SignInRefused
from apps.accounts.models import SessionKind, User
from apps.accounts.selectors import letters_owed
from apps.accounts.services import sign_in as door
from apps.accounts.services.passwords import recoveries_send, recovery_ask, recovery_finish
from apps.accounts.services.sessions import session_open
from apps.accounts.services.sign_in import sign_in
from apps.core.caller import Caller, calling
from apps.core.clock import wall_now
from apps.core.exceptions import ThrottledError
from apps.core.models import AuditRecord
from tests.accounts.conftest import MakeUser

PASSWORD = "correct horse battery"
HOME, AWAY = "203.0.113.1", "198.51.100.7"

pytestmark = pytest.mark.usefixtures("redis_state")


def at(address: str) -> AbstractContextManager[None]:
    return calling(Caller(address=address))


def tried(email: str, password: str = "wrong", code: str = "") -> User:
    return sign_in(email=email, password=password, code=code, now=wall_now())


def refused(email: str, password: str = "wrong") -> str:
    with pytest.raises((SignInRefused, ThrottledError)) as caught:
        tried(email, password)
    return caught.value.code


@pytest.fixture
def ada(make_user: MakeUser, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_user("ada", password=PASSWORD)


def test_argon2_is_the_first_hasher(settings: Any) -> None:
    assert hashers.get_hasher().algorithm == "argon2"


def test_the_right_password_opens_whatever_the_letter_case_of_the_address(ada: User) -> None:
    assert tried("ADA@Example.test ", PASSWORD) == ada
    assert list(AuditRecord.objects.values_list("action", flat=True)) == ["sign_in.done"]


def test_strangers_learn_nothing_about_who_has_an_account(ada: User) -> None:
    ada.status = UserStatus.SUSPENDED
    ada.save()
    answers = set()
    for email in ("ada@example.test", "nobody@example.test"):
        with pytest.raises(SignInRefused) as caught:
            tried(email)
        answers.add((caught.value.code, caught.value.message))
    assert len(answers) == 1
    assert refused("ada@example.test", PASSWORD) == "account_inactive"


def test_an_unknown_address_costs_a_hash_too(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def counted(text: str) -> str:
        hashed.append(text)
        return hashers.make_password(text)

    monkeypatch.setattr(door, "make_password", counted)
    refused("nobody@example.test", "guess")
    assert hashed == ["guess"]


def test_nobody_signs_in_without_a_password(make_user: MakeUser) -> None:
    make_user("eve")
    assert refused("eve@example.test", "") == refused("eve@example.test", "!") == "credentials_wrong"


def test_guessing_from_one_place_is_stopped_even_with_the_right_password(ada: User) -> None:
    with at(AWAY):
        assert [refused("ada@example.test") for _ in range(6)] == ["credentials_wrong"] * 5 + ["too_many_attempts"]
        assert refused("ada@example.test", PASSWORD) == "too_many_attempts"
    with at(HOME):
        assert tried("ada@example.test", PASSWORD) == ada


def test_unknown_accounts_are_limited_like_known_ones(ada: User) -> None:
    def codes(email: str) -> list[str]:
        return [refused(email) for _ in range(6)]

    with at(AWAY):
        assert codes("ada@example.test") == codes("nobody@example.test")


def test_mistyping_is_forgotten_with_the_right_password(ada: User) -> None:
    with at(HOME):
        for _ in range(3):
            for _ in range(4):
                refused("ada@example.test")
            assert tried("ada@example.test", PASSWORD) == ada


def test_one_place_can_not_guess_at_everybody(ada: User) -> None:
    with at(AWAY):
        codes = [refused(f"user{n}@example.test") for n in range(51)]
    assert codes[-2:] == ["credentials_wrong", "too_many_attempts"]


def test_guessing_from_everywhere_is_stopped_and_locks_nobody_out(ada: User) -> None:
    with at(HOME):
        session_open(user=ada, kind=SessionKind.PAGE, now=wall_now() - timedelta(days=20))
    codes = []
    for n in range(31):
        with at(f"198.51.100.{n}"):
            codes.append(refused("ada@example.test"))
    assert codes[-2:] == ["credentials_wrong", "too_many_attempts"]
    with at("192.0.2.1"):
        assert refused("ada@example.test", PASSWORD) == "too_many_attempts"
    with at(HOME):
        assert tried("ada@example.test", PASSWORD) == ada


def test_failures_are_told_boundedly_and_without_what_was_typed(ada: User) -> None:
    for n in range(20):
        with at(f"198.51.100.{n}"):
            refused("ada@example.test", "secret typed here")
            refused("typed-password@example.test")
    records = list(AuditRecord.objects.filter(action="sign_in.refused").values())
    assert len(records) == 4
    assert {record["target"] for record in records} == {f"accounts.User:{ada.pk}", "accounts.User:unknown"}
    assert "typed" not in str(records)


def test_redis_away_lets_the_operator_in(ada: User, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    from apps.core import limits
    from apps.core.exceptions import TemporaryError

    def away(*_: Any) -> Any:
        raise TemporaryError("Rate limits are not available.", code="limits_away")

    monkeypatch.setattr(limits, "acquire", away)
    monkeypatch.setattr(limits, "forget", away)
    assert tried("ada@example.test", PASSWORD) == ada
    assert refused("ada@example.test") == "credentials_wrong"


def test_all_addresses_of_one_network_are_one_place(make_user: MakeUser) -> None:
    make_user("ada", password=PASSWORD)
    answers = []
    for number in range(60):
        with at(f"2001:db8:1:2::{number:x}"):
            answers.append(refused(f"p{number}@example.test"))
    assert answers == ["credentials_wrong"] * 50 + ["too_many_attempts"] * 10
    with at("2001:db8:1:3::1"):
        assert refused("ada@example.test") == "credentials_wrong"


def test_a_new_password_by_mail_lets_its_owner_in_after_a_siege(ada: User) -> None:
    for number in range(30):
        with at(f"198.51.100.{number}"):
            refused(ada.email)
    with at(HOME):
        assert refused(ada.email, PASSWORD) == "too_many_attempts"
        recovery_ask(email=ada.email, now=wall_now())
        recoveries_send(now=wall_now())
        [letter] = letters_owed(now=wall_now(), at_most=10)
        recovery_finish(text=letter.text.split("/account/recovery/")[1].split()[0], new="another horse", now=wall_now())
        assert tried(ada.email, "another horse") == ada
