"""Tokens: hashed, shown once, refused when unknown, revoked, expired or their owner's account is not active."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.enums import UserStatus
from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import ApiToken
from apps.accounts.selectors import token_by_digest, tokens_of
from apps.accounts.services import token_create, token_revoke, token_verify
from apps.accounts.services.tokens import _token_touch
from apps.core.clock import wall_now
from tests.accounts.conftest import MakeUser

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_only_the_hash_is_stored(make_user: MakeUser) -> None:
    text = token_create(user=make_user("ada"), name="bot")
    token = ApiToken.objects.get()
    assert text.startswith("arb_") and len(text) >= 4 + 43
    assert token.digest == hashlib.sha256(text.encode()).hexdigest()
    assert text.startswith(token.prefix) and len(token.prefix) == 10
    assert all(text not in str(value) for value in ApiToken.objects.values_list().get())


def test_tokens_differ(make_user: MakeUser) -> None:
    ada = make_user("ada")
    assert token_create(user=ada, name="one") != token_create(user=ada, name="one")


def test_verify_gives_the_owner_in_one_read(make_user: MakeUser) -> None:
    ada = make_user("ada")
    text = token_create(user=ada, name="bot")
    token_verify(text)
    with CaptureQueriesContext(connection) as queries:
        assert token_verify(text).user == ada
    assert len(queries) == 1


def _refused(text: str) -> str:
    with pytest.raises(TokenRefusedError) as caught:
        token_verify(text)
    assert text not in str(caught.value) or not text
    return caught.value.code


@pytest.mark.parametrize("text", ["", "arb_", "arb_" + "x" * 43, "x" * 10_000])
def test_unknown_text_is_refused(make_user: MakeUser, text: str) -> None:
    token_create(user=make_user("ada"), name="bot")
    assert _refused(text) == "token_unknown"


def test_the_stored_hash_opens_nothing(make_user: MakeUser) -> None:
    token_create(user=make_user("ada"), name="bot")
    assert _refused(ApiToken.objects.get().digest) == "token_unknown"


def test_expired_token_is_refused_from_its_moment_on(make_user: MakeUser) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        text = token_create(user=make_user("ada"), name="bot", expires_at=NOW + timedelta(hours=1))
        assert token_verify(text)
        clock.move_to(NOW + timedelta(hours=1))
        assert _refused(text) == "token_expired"


def test_revoked_token_is_refused_and_the_others_work(make_user: MakeUser) -> None:
    ada = make_user("ada")
    gone, kept = token_create(user=ada, name="gone"), token_create(user=ada, name="kept")
    assert token_revoke(token_id=ApiToken.objects.get(name="gone").pk, user_id=ada.pk)
    assert _refused(gone) == "token_revoked"
    assert token_verify(kept).name == "kept"


def test_nobody_revokes_what_is_not_theirs(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    text = token_create(user=ada, name="bot")
    assert not token_revoke(token_id=ApiToken.objects.get().pk, user_id=eve.pk)
    assert token_verify(text).user == ada


def test_revoking_twice_keeps_the_first_moment(make_user: MakeUser) -> None:
    token_create(user=make_user("ada"), name="bot")
    pk = ApiToken.objects.get().pk
    assert token_revoke(token_id=pk)
    first = ApiToken.objects.get().revoked_at
    assert not token_revoke(token_id=pk)
    assert ApiToken.objects.get().revoked_at == first


@pytest.mark.parametrize("status", [UserStatus.PENDING, UserStatus.SUSPENDED, UserStatus.DEACTIVATED])
def test_token_of_an_inactive_account_is_refused(make_user: MakeUser, status: UserStatus) -> None:
    ada = make_user("ada")
    text = token_create(user=ada, name="bot")
    ada.status = status
    ada.save()
    assert _refused(text) == "account_inactive"
    assert ApiToken.objects.get().last_used_at is None


def test_use_is_written_at_most_once_a_minute(make_user: MakeUser) -> None:
    ada = make_user("ada")
    text = token_create(user=ada, name="bot")
    with time_machine.travel(NOW, tick=False) as clock:
        token_verify(text)
        clock.shift(timedelta(seconds=59))
        token_verify(text)
        ada.refresh_from_db()
        assert ApiToken.objects.get().last_used_at == ada.last_activity_at == NOW
        clock.shift(timedelta(seconds=1))
        token_verify(text)
        assert ApiToken.objects.get().last_used_at == NOW + timedelta(minutes=1)


def test_of_two_requests_at_once_one_writes(make_user: MakeUser) -> None:
    text = token_create(user=make_user("ada"), name="bot")
    read_before = token_by_digest(ApiToken.objects.get().digest)
    assert read_before is not None
    token_verify(text)
    first = ApiToken.objects.get().last_used_at
    _token_touch(read_before, now=wall_now())
    assert ApiToken.objects.get().last_used_at == first


def test_tokens_of_lists_only_ones_own_that_work(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    token_create(user=ada, name="works")
    token_create(user=ada, name="later", expires_at=NOW + timedelta(days=1))
    token_create(user=ada, name="over", expires_at=NOW)
    token_create(user=ada, name="revoked")
    token_create(user=eve, name="hers")
    token_revoke(token_id=ApiToken.objects.get(name="revoked").pk)
    assert {token.name for token in tokens_of(user_id=ada.pk, now=NOW)} == {"works", "later"}


def test_names_never_show_the_secret(make_user: MakeUser) -> None:
    text = token_create(user=make_user("ada"), name="bot")
    assert text not in str(ApiToken.objects.get())
    assert str(ApiToken.objects.get()) == f"bot ({text[:10]}…)"


def test_command_prints_a_working_token_alone(make_user: MakeUser) -> None:
    ada = make_user("ada")
    out = io.StringIO()
    call_command("token_create", "ADA@example.test", "--name", "script", "--days", "3", stdout=out)
    token = token_verify(out.getvalue().strip())
    assert (token.user, token.name) == (ada, "script")
    assert token.expires_at is not None and token.expires_at > token.created_at + timedelta(days=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bob@example.test"], "No user has the address"),
        (["eve@example.test"], "is suspended"),
        (["ada@example.test", "--days", "0"], "at least 1"),
    ],
)
def test_command_says_what_is_wrong(make_user: MakeUser, arguments: list[str], words: str) -> None:
    make_user("ada")
    make_user("eve", status=UserStatus.SUSPENDED)
    with pytest.raises(CommandError, match=words):
        call_command("token_create", *arguments)
    assert not ApiToken.objects.exists()
