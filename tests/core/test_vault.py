"""Secrets at rest, and their rotation."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.core import clock, vault
from apps.core.exceptions import OperatorError
from apps.core.management.commands import rotate_keys

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
CONTEXT = "notifications.Endpoint:1:credentials"


@given(st.text())
def test_what_goes_in_comes_out(text: str) -> None:
    token = vault.encrypt(text, context=CONTEXT)
    assert vault.decrypt(token, context=CONTEXT) == text


def test_a_token_hides_its_text_and_differs_each_time() -> None:
    first, second = (vault.encrypt("hunter2", context=CONTEXT) for _ in range(2))
    assert "hunter2" not in first
    assert first != second


def test_a_token_moved_to_another_row_does_not_open() -> None:
    token = vault.encrypt("hunter2", context=CONTEXT)
    with pytest.raises(OperatorError) as caught:
        vault.decrypt(token, context="notifications.Endpoint:2:credentials")
    assert caught.value.code == "vault_token"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "token", ["", "plain text", Fernet(OLD).encrypt(b"[1, 2]").decode()], ids=["empty", "plain", "list"]
)
def test_what_no_key_opens_is_the_operators_matter(settings: Any, token: str) -> None:
    settings.VAULT_KEYS = [NEW]
    with pytest.raises(OperatorError) as opened:
        vault.decrypt(token, context=CONTEXT)
    with pytest.raises(OperatorError) as rotated:
        vault.rotate(token)
    assert opened.value.code == rotated.value.code == "vault_token"


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "short"]])
def test_without_usable_keys_nothing_is_stored_in_the_clear(settings: Any, keys: list[str]) -> None:
    settings.VAULT_KEYS = keys
    with pytest.raises(OperatorError) as caught:
        vault.encrypt("hunter2", context=CONTEXT)
    assert caught.value.code == "vault_keys"
    assert "short" not in str(caught.value)


def test_rotation_moves_a_token_under_the_first_key_once(settings: Any) -> None:
    settings.VAULT_KEYS = [OLD]
    token = vault.encrypt("hunter2", context=CONTEXT)
    settings.VAULT_KEYS = [NEW, OLD]
    rotated = vault.rotate(token)
    assert rotated != token
    assert vault.rotate(rotated) == rotated
    settings.VAULT_KEYS = [NEW]
    assert vault.decrypt(rotated, context=CONTEXT) == "hunter2"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("123456789:ABCDEFxyz9", "••••xyz9"), ("short", "••••"), ("", "••••"), ("12345678901", "••••")],
)
def test_a_mask_shows_the_end_of_long_secrets_only(secret: str, shown: str) -> None:
    assert vault.mask(secret) == shown


@pytest.fixture
def vaulted(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tokens under the old key, one already under the new, and an empty field; in batches of two."""
    monkeypatch.setattr(vault, "_fields", [])
    monkeypatch.setattr(rotate_keys, "BATCH", 2)
    # Any text field will do.
    vault.register("sessions.Session", "session_data")
    vault.register("sessions.Session", "session_data")
    settings.VAULT_KEYS = [OLD]
    for name in "ace":
        store(name, vault.encrypt(f"secret {name}", context=name))
    settings.VAULT_KEYS = [NEW, OLD]
    store("b", vault.encrypt("secret b", context="b"))
    store("d", "")


def store(name: str, token: str) -> None:
    Session.objects.create(session_key=name, session_data=token, expire_date=clock.wall_now())


def stored(name: str) -> str:
    return Session.objects.get(session_key=name).session_data


def rotated() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def test_rotate_keys_moves_what_is_left_and_may_be_run_again(vaulted: None, settings: Any) -> None:
    current = stored("b")
    assert rotated() == "sessions.Session.session_data: 3 of 4 re-encrypted\n"
    assert rotated() == "sessions.Session.session_data: 0 of 4 re-encrypted\n"
    settings.VAULT_KEYS = [NEW]
    assert [vault.decrypt(stored(name), context=name) for name in "abce"] == [f"secret {name}" for name in "abce"]
    assert stored("b") == current
    assert stored("d") == ""


def test_rotate_keys_names_what_no_key_opens_and_does_the_rest(vaulted: None, settings: Any) -> None:
    store("0", Fernet(Fernet.generate_key()).encrypt(b"lost").decode())
    with pytest.raises(CommandError, match=r"opens 1: sessions\.Session:0"):
        rotated()
    settings.VAULT_KEYS = [NEW]
    assert vault.decrypt(stored("e"), context="e") == "secret e"


def test_rotate_keys_needs_keys(vaulted: None, settings: Any) -> None:
    before = stored("a")
    settings.VAULT_KEYS = []
    with pytest.raises(CommandError, match="VAULT_KEYS is empty"):
        call_command("rotate_keys", skip_checks=True)
    assert stored("a") == before


def test_rotate_keys_does_not_overwrite_a_secret_that_was_changed_meanwhile(
    vaulted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate = vault.rotate

    def changed_first(token: str) -> str:
        Session.objects.filter(session_key="a", session_data=token).update(session_data="newer")
        return rotate(token)

    monkeypatch.setattr(vault, "rotate", changed_first)
    assert "2 of 4" in rotated()
    assert stored("a") == "newer"


def test_vault_key_prints_a_key_and_nothing_else() -> None:
    out = StringIO()
    call_command("vault_key", stdout=out)
    assert vault.key_problems([out.getvalue().strip()]) == []
