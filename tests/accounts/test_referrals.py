"""Referrals, bonuses and affiliates: one code each, nobody by their own, nothing counted twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from apps.accounts.enums import AffiliateState, BonusKind
from apps.accounts.exceptions import ReferralRefused
from apps.accounts.models import BonusEntry, Referral, ReferralCode, User
from apps.accounts.services import (
    affiliate_decide,
    bonus_add,
    referral_code_set,
    referral_record,
    registration_confirm,
    registration_start,
)
from apps.core import clock, config
from apps.core.exceptions import PermanentError
from tests.accounts.conftest import MakeUser
from tests.accounts.test_coming_in import PASSWORD, client_of, code_sent, invited
from tests.accounts.test_payments import SECRET, send, told

URL = "/api/v1/users/referral"
NOW = clock.wall_now()


@pytest.fixture(autouse=True)
def _calm(settings: Settings, redis_state: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PAYMENT_WEBHOOK_SECRETS = [SECRET]
    config.forget()


def code_of(user: User, code: str | None = None) -> ReferralCode:
    return referral_code_set(user_id=user.pk, code=code, now=NOW)


def claim(user: User, code: str) -> Any:
    return client_of(user).post(f"{URL}/claim", {"code": code}, format="json")


def points(user: User) -> Decimal:
    return sum((row.amount for row in BonusEntry.objects.filter(user=user, unit="points")), Decimal(0))


def test_who_registers_by_a_code_is_counted_with_both_bonuses(make_user: MakeUser) -> None:
    ada = make_user("ada")
    code_of(ada, "ada-2026")
    row = registration_start(
        email="bob@example.test", password=PASSWORD, invitation_code=invited(), referral_code=" ada2026", now=NOW
    )
    assert not Referral.objects.exists()
    bob = registration_confirm(registration_id=row.pk, code=code_sent(), now=clock.wall_now())
    assert (points(ada), points(bob)) == (100, 50)
    seen = client_of(ada).get(URL).json()
    assert (seen["code"], seen["brought"], seen["paying"], seen["balances"]) == ("ADA2026", 1, 0, {"points": "100.00"})
    assert client_of(bob).get(URL).json()["came_by"] == "ADA2026"
    [line] = client_of(ada).get(f"{URL}/bonuses").json()["results"]
    assert (line["kind"], line["amount"]) == ("referred", "100.00")


def test_a_code_can_be_changed_and_the_former_one_is_nobodys_else(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    client = client_of(ada)
    assert client.get(URL).json()["code"] is None
    made = client.put(URL, {}, format="json").json()["code"]
    assert len(made) == 8
    assert client.put(URL, {"code": "arb-king"}, format="json").json()["code"] == "ARBKING"
    assert ReferralCode.objects.filter(user=ada, active=True).count() == 1
    for taken in (made, "ARBKING", "arbking"):
        answer = client_of(bob).put(URL, {"code": taken}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "referral_taken")
    assert claim(bob, made).json()["code"] == "referral_unknown"
    assert client.put(URL, {"code": made}, format="json").json()["code"] == made
    for form in ("abc", "x" * 21, "a_b_c_d", "ümlaut"):
        assert client.put(URL, {"code": form}, format="json").json()["code"] == "referral_form"
    assert client_of(None).put(URL, {}, format="json").status_code == 401


def test_a_refused_code_leaves_the_former_one_working(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    code_of(ada, "ADAS")
    code_of(bob, "BOBS")
    with pytest.raises(ReferralRefused):
        code_of(bob, "ADAS")
    assert ReferralCode.objects.get(user=bob).active


def test_codes_are_not_collected(make_user: MakeUser) -> None:
    ada = make_user("ada")
    for number in range(10):
        code_of(ada, f"CODE{number}")
    with pytest.raises(ReferralRefused, match="the most"):
        code_of(ada, "ONEMORE")
    assert ReferralCode.objects.get(user=ada, active=True).code == "CODE9"


def test_nobody_comes_by_their_own_code_twice_or_in_a_circle(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    code_of(ada, "ADAS"), code_of(bob, "BOBS")
    assert claim(ada, "ADAS").json()["code"] == "referral_self"
    assert claim(bob, "ADAS").status_code == 201
    assert claim(bob, "ADAS").json()["code"] == "referral_exists"
    assert claim(ada, "BOBS").json()["code"] == "referral_circular"
    assert (Referral.objects.count(), points(ada), points(bob)) == (1, 100, 50)
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.update(referrer=bob)


def test_a_referral_is_named_soon_after_joining(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    code = code_of(ada)
    with pytest.raises(ReferralRefused) as caught:
        referral_record(user=bob, code=code, now=bob.date_joined + timedelta(days=31))
    assert caught.value.code == "referral_late"


@pytest.mark.django_db(transaction=True)
def test_claims_at_once_are_one_referral_and_one_bonus(make_user: MakeUser) -> None:
    ada, bob, together = make_user("ada"), make_user("bob"), Barrier(4)
    code = code_of(ada)

    def name(_: int) -> str:
        together.wait()
        try:
            referral_record(user=bob, code=code, now=clock.wall_now())
            return "named"
        except ReferralRefused as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(name, range(4))) == ["named"] + ["referral_exists"] * 3
    assert (points(ada), points(bob)) == (100, 50)


def test_codes_can_not_be_tried_through(make_user: MakeUser) -> None:
    ada = make_user("ada")
    statuses = [claim(ada, f"GUESS{number}").status_code for number in range(11)]
    assert statuses == [400] * 10 + [429]
    assert client_of(ada).get(URL).status_code == 200


def test_the_ledger_has_one_line_for_a_cause(make_user: MakeUser) -> None:
    ada = make_user("ada")
    line: dict[str, Any] = {"user_id": ada.pk, "kind": BonusKind.ADJUSTED, "cause": "x", "now": NOW}
    bonus_add(amount=Decimal(5), **line)
    with pytest.raises(PermanentError, match="already"):
        bonus_add(amount=Decimal(500), **line)
    assert points(ada) == 5


def test_affiliates_get_their_share_once_an_operator_has_verified_them(make_user: MakeUser) -> None:
    ada, bob, url = make_user("ada"), make_user("bob"), "/api/v1/users/affiliate"
    client = client_of(ada)
    assert (client.get(url).status_code, client_of(None).get(url).status_code) == (404, 401)
    assert client.post(url, {"website": "https://ada.example.org"}, format="json").json()["state"] == "applied"
    assert client.post(url, {}, format="json").status_code == 409
    assert client.post(url, {"share": "0.5"}, format="json").status_code == 400
    referral_record(user=bob, code=code_of(ada), now=NOW)
    paid: dict[str, Any] = {"amount": "49.00", "currency": "usd"}
    send(told("started", str(bob.pk), **paid), "msg_1")
    assert (points(ada), Referral.objects.get().paid_at is not None) == (600, True)
    affiliate_decide(user_id=ada.pk, state=AffiliateState.VERIFIED, actor_id=None, now=NOW)
    for _ in range(2):
        send(told("renewed", at_s=1, **paid), "msg_2")
    seen = client.get(URL).json()
    assert (seen["paying"], seen["balances"]) == (1, {"USD": "4.90", "points": "600.00"})
    affiliate_decide(user_id=ada.pk, state=AffiliateState.ENDED, actor_id=None, now=NOW)
    send(told("renewed", at_s=2, **paid), "msg_3")
    assert client.get(URL).json()["balances"]["USD"] == "4.90"
    assert client.get(url).json()["state"] == "ended"


def test_nobody_sees_anothers_referrals(make_user: MakeUser) -> None:
    ada, bob, eve = make_user("ada"), make_user("bob"), make_user("eve")
    referral_record(user=bob, code=code_of(ada, "ADAS"), now=NOW)
    assert "ADAS" not in client_of(eve).get(URL).content.decode()
    assert client_of(eve).get(f"{URL}/bonuses").json()["results"] == []
    assert client_of(eve).get("/api/v1/users/affiliate").status_code == 404
    assert [client_of(None).get(one).status_code for one in (URL, f"{URL}/bonuses")] == [401, 401]
