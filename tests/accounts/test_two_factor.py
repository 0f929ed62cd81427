"""The second factor: codes by RFC 6238, each good once; codes on paper; nothing readable in the table."""

import base64
import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.exceptions import SignInRefused
from apps.accounts.models import RecoveryCode, TwoFactor, User
from apps.accounts.selectors.sessions import has_second_factor, recovery_codes_left
from apps.accounts.services.two_factor import (
    recovery_codes_renew,
    two_factor_check,
    two_factor_confirm,
    two_factor_end,
    two_factor_start,
)
from apps.core.exceptions import PermanentError, ThrottledError
from tests.accounts.conftest import MakeUser

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
STEP = timedelta(seconds=30)

pytestmark = pytest.mark.usefixtures("redis_state")


def code_at(secret: str, moment: datetime) -> str:
    """RFC 6238 and RFC 4226 by hand, as an app does it."""
    counter = struct.pack(">Q", int(moment.timestamp()) // 30)
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def enrolled(user: User) -> tuple[str, list[str]]:
    secret = two_factor_start(user=user, now=NOW).secret
    return secret, two_factor_confirm(user=user, code=code_at(secret, NOW), now=NOW)


def refused(user: User, code: str, now: datetime) -> str:
    with pytest.raises(SignInRefused) as caught:
        two_factor_check(user_id=user.pk, code=code, now=now)
    return caught.value.code


def test_the_uri_is_what_apps_read_and_the_table_holds_no_secret(make_user: MakeUser) -> None:
    ada = make_user("ada")
    made = two_factor_start(user=ada, now=NOW)
    assert made.uri.startswith("otpauth://totp/ArbEdge:ada%40example.test?")
    assert f"secret={made.secret}" in made.uri and "issuer=ArbEdge" in made.uri
    assert made.secret not in TwoFactor.objects.get().secret
    assert not has_second_factor(ada.pk)
    two_factor_check(user_id=ada.pk, code="", now=NOW)


def test_it_counts_from_the_first_code_on(make_user: MakeUser) -> None:
    ada = make_user("ada")
    secret = two_factor_start(user=ada, now=NOW).secret
    with pytest.raises(SignInRefused):
        two_factor_confirm(user=ada, code="000000", now=NOW)
    assert not has_second_factor(ada.pk)
    codes = two_factor_confirm(user=ada, code=code_at(secret, NOW), now=NOW)
    assert has_second_factor(ada.pk) and len(set(codes)) == recovery_codes_left(ada.pk) == 10
    assert all(code not in str(list(RecoveryCode.objects.values())) for code in codes)
    with pytest.raises(PermanentError, match="on already"):
        two_factor_start(user=ada, now=NOW)
    assert refused(ada, "", NOW) == "second_factor_required"


def test_a_code_works_once_and_for_a_step_around(make_user: MakeUser) -> None:
    ada = make_user("ada")
    secret, _ = enrolled(ada)
    code = code_at(secret, NOW + 3 * STEP)
    assert refused(ada, code, NOW) == "second_factor_wrong"
    two_factor_check(user_id=ada.pk, code=code, now=NOW + 2 * STEP)
    assert refused(ada, code, NOW + 2 * STEP) == "second_factor_wrong"
    assert refused(ada, code_at(secret, NOW + 2 * STEP), NOW + 2 * STEP) == "second_factor_wrong"


@pytest.mark.parametrize("code", ["12345", "1234567", "١٢٣٤٥٦", "abcdef", " "])
def test_what_is_no_code_is_refused(make_user: MakeUser, code: str) -> None:
    ada = make_user("ada")
    enrolled(ada)
    assert refused(ada, code, NOW) == "second_factor_wrong"


def test_guessing_is_stopped(make_user: MakeUser) -> None:
    ada = make_user("ada")
    secret, _ = enrolled(ada)
    for _ in range(4):
        assert refused(ada, "000000", NOW) == "second_factor_wrong"
    with pytest.raises(ThrottledError):
        two_factor_check(user_id=ada.pk, code=code_at(secret, NOW + STEP), now=NOW + STEP)


def test_codes_on_paper_work_once_and_for_their_owner(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    _, codes = enrolled(ada)
    enrolled(eve)
    assert refused(eve, codes[0], NOW) == "second_factor_wrong"
    two_factor_check(user_id=ada.pk, code=codes[0].upper().replace("-", " "), now=NOW)
    assert refused(ada, codes[0], NOW) == "second_factor_wrong"
    renewed = recovery_codes_renew(user_id=ada.pk)
    assert refused(ada, codes[1], NOW) == "second_factor_wrong"
    two_factor_check(user_id=ada.pk, code=renewed[1], now=NOW)


def test_switched_off_nothing_of_it_is_left(make_user: MakeUser) -> None:
    ada = make_user("ada")
    enrolled(ada)
    assert two_factor_end(user_id=ada.pk, actor_id=ada.pk)
    assert not two_factor_end(user_id=ada.pk, actor_id=ada.pk)
    assert not TwoFactor.objects.exists() and not RecoveryCode.objects.exists()
    two_factor_check(user_id=ada.pk, code="", now=NOW)


def test_secrets_open_under_rotated_keys_only_for_their_owner(make_user: MakeUser, settings: Any) -> None:
    from cryptography.fernet import Fernet
    from django.core.management import call_command

    ada = make_user("ada")
    secret, _ = enrolled(ada)
    settings.VAULT_KEYS = (Fernet.generate_key().decode(), *settings.VAULT_KEYS)
    before = TwoFactor.objects.get().secret
    call_command("rotate_keys", verbosity=0)
    assert TwoFactor.objects.get().secret != before
    two_factor_check(user_id=ada.pk, code=code_at(secret, NOW + STEP), now=NOW + STEP)
