"""users/exchange-keys: secrets go in and stay in, forms are checked before anybody is asked, nobody sees others'."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import ccxt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.enums import KeyRights, KeyState
from apps.accounts.key_forms import FORMS, form_problems
from apps.accounts.models import ExchangeKey, User
from apps.accounts.services.exchange_keys import (
    REMOVED_KEPT,
    exchange_key_add,
    exchange_key_found,
    exchange_keys_prune,
)
from apps.core import clock, config, vault
from apps.core.models import AuditRecord
from apps.opportunities import selectors
from apps.opportunities.models import Opportunity, Preferences
from sandbox.exchanges.keys import demo_key
from tests.api.conftest import MakeUser

URL = "/api/v1/users/exchange-keys"
GOOD = {"apiKey": "an-api-key-f8Qz", "secret": "a-secret-that-nobody-sees"}


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def owner(make_user: MakeUser) -> User:
    return make_user("owner", tier="free")


def add(user: User, **fields: Any) -> Any:
    body = {"exchange": "bybit", "credentials": GOOD, "label": "reading", **fields}
    return client_of(user).post(URL, body, format="json")


def valid(user: User, exchange: str, rights: KeyRights = KeyRights.READ) -> ExchangeKey:
    row = exchange_key_add(user_id=user.pk, exchange=exchange, credentials=demo_key(exchange), now=clock.wall_now())
    exchange_key_found(key_id=row.pk, rights=rights, now=clock.wall_now())
    row.refresh_from_db()
    return row


def test_a_key_goes_in_and_only_its_last_four_come_out(owner: User) -> None:
    answer = add(owner)
    assert (answer.status_code, answer["Retry-After"]) == (201, "2")
    told = answer.json()
    assert (told["state"], told["rights"], told["shown"]) == ("pending", "unknown", "••••f8Qz")
    one = client_of(owner).get(f"{URL}/{told['id']}").json()
    listed = client_of(owner).get(URL).json()["results"]
    assert listed == [one]
    row = ExchangeKey.objects.get()
    assert json.loads(vault.decrypt(row.sealed, context=row.sealed_context)) == GOOD
    seen = answer.content.decode() + json.dumps(listed) + repr(ExchangeKey.objects.values().get())
    assert GOOD["secret"] not in seen and GOOD["apiKey"] not in seen
    records = [repr(each) for each in AuditRecord.objects.values()]
    assert [each for each in records if GOOD["secret"] in each or GOOD["apiKey"] in each] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"exchange": "hyperliquid"}, "exchange"),
        ({"exchange": "nosuch"}, "exchange"),
        ({"exchange": "okx"}, "credentials.password"),
        ({"exchange": "kraken"}, "credentials.secret"),
        ({"exchange": "coinbase"}, "credentials.apiKey"),
        ({"credentials": {"apiKey": GOOD["apiKey"]}}, "credentials.secret"),
        ({"credentials": GOOD | {"uid": "5"}}, "credentials.uid"),
        ({"credentials": GOOD | {"secret": "with a space"}}, "credentials.secret"),
        ({"credentials": GOOD | {"secret": "short"}}, "credentials.secret"),
        ({"credentials": GOOD | {"secret": "line\r\nbreak-is-long"}}, "credentials.secret"),
        ({"credentials": {}}, "credentials"),
        ({"credentials": "text"}, "credentials"),
        ({"sealed": "x"}, "sealed"),
        ({"label": "x" * 81}, "label"),
    ],
)
def test_what_can_be_no_key_is_refused_before_anybody_is_asked(owner: User, body: dict[str, Any], field: str) -> None:
    answer = add(owner, **body)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert GOOD["secret"] not in answer.content.decode()
    assert not ExchangeKey.objects.exists()


@pytest.mark.parametrize("exchange", FORMS)
def test_forms_ask_for_what_ccxt_asks_for(exchange: str) -> None:
    needed = {name for name, is_needed in getattr(ccxt, exchange)().requiredCredentials.items() if is_needed}
    assert set(FORMS[exchange].fields) == needed
    assert exchange in FORMS[exchange].opens


@pytest.mark.parametrize("exchange", ["binance", "bybit", "coinbase", "kraken", "kucoin", "okx"])
def test_forms_take_what_exchanges_hand_out(exchange: str) -> None:
    assert form_problems(exchange, demo_key(exchange)) == {}


def test_keys_in_pem_are_taken_and_broken_ones_are_not() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    name = "organizations/5d1e7a52-0000-4000-8000-000000000000/apiKeys/5d1e7a52-0000-4000-8000-000000000001"
    assert form_problems("coinbase", {"apiKey": name, "secret": pem}) == {}
    assert set(form_problems("coinbase", {"apiKey": name, "secret": pem[:80]})) == {"secret"}


def test_the_same_key_twice_and_too_many_are_conflicts(owner: User) -> None:
    config.config_set(key="exchange_key.per_user", value=2, actor_id=None)
    config.forget()
    assert add(owner).status_code == 201
    again = add(owner)
    assert (again.status_code, again.json()["code"]) == (409, "exchange_key_exists")
    assert add(owner, exchange="gate").status_code == 201
    third = add(owner, exchange="htx")
    assert (third.status_code, third.json()["code"]) == (409, "too_many_exchange_keys")


def test_somebody_elses_key_is_not_there(owner: User, make_user: MakeUser) -> None:
    url = f"{URL}/{add(owner).json()['id']}"
    outsider = client_of(make_user("outsider"))
    assert [
        outsider.get(url).status_code,
        outsider.patch(url, {"label": "mine"}, format="json").status_code,
        outsider.delete(url).status_code,
        outsider.post(f"{url}/check").status_code,
    ] == [404] * 4
    assert outsider.get(URL).json()["results"] == []
    row = ExchangeKey.objects.get()
    assert (row.label, row.removed_at) == ("reading", None)
    # What somebody has says nothing to another person who brings the same key.
    assert add(make_user("member")).status_code == 201
    assert APIClient().get(URL).status_code == 401


def test_only_the_label_can_be_changed(owner: User) -> None:
    url = f"{URL}/{add(owner).json()['id']}"
    before = ExchangeKey.objects.get().sealed
    assert client_of(owner).patch(url, {"label": "other"}, format="json").json()["label"] == "other"
    for field in ("credentials", "state", "rights", "exchange"):
        assert client_of(owner).patch(url, {field: "valid"}, format="json").status_code == 400
    assert ExchangeKey.objects.get().sealed == before


def test_a_removed_key_is_wiped_at_once_and_its_row_goes_later(owner: User) -> None:
    url = f"{URL}/{add(owner).json()['id']}"
    assert client_of(owner).delete(url).status_code == 204
    assert client_of(owner).get(url).status_code == 404
    assert client_of(owner).delete(url).status_code == 404
    row = ExchangeKey.objects.get()
    assert (row.sealed, row.next_check_at) == ("", None)
    assert row.removed_at is not None
    # It may be brought again.
    assert add(owner).status_code == 201
    assert exchange_keys_prune(now=row.removed_at + REMOVED_KEPT) == 0
    assert exchange_keys_prune(now=row.removed_at + REMOVED_KEPT + timedelta(seconds=1)) == 1
    verbs = list(AuditRecord.objects.order_by("at", "id").values_list("action", flat=True))
    assert verbs == ["exchange_key.added", "exchange_key.removed", "exchange_key.added"]


def test_a_check_can_be_asked_for_and_not_over_and_over(owner: User) -> None:
    row = valid(owner, "okx")
    early = client_of(owner).post(f"{URL}/{row.pk}/check")
    assert (early.status_code, early.json()["code"]) == (429, "checked_just_now")
    assert 1 <= int(early["Retry-After"]) <= 30
    ExchangeKey.objects.update(checked_at=clock.wall_now() - timedelta(minutes=1))
    asked = client_of(owner).post(f"{URL}/{row.pk}/check")
    assert (asked.status_code, asked["Retry-After"]) == (202, "2")
    row.refresh_from_db()
    assert row.next_check_at is not None and row.next_check_at <= clock.wall_now()


def test_a_wiped_key_can_not_be_checked_again(owner: User) -> None:
    row = valid(owner, "okx", KeyRights.WITHDRAW)
    answer = client_of(owner).post(f"{URL}/{row.pk}/check")
    assert (answer.status_code, answer.json()["code"]) == (409, "exchange_key_gone")
    told = client_of(owner).get(f"{URL}/{row.pk}").json()
    assert (told["state"], told["rights"], told["code"]) == ("refused", "withdraw", "can_withdraw")


def test_the_database_keeps_no_key_that_can_withdraw(owner: User) -> None:
    from django.db import IntegrityError, transaction

    row = valid(owner, "okx", KeyRights.TRADE)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExchangeKey.objects.filter(pk=row.pk).update(rights=KeyRights.WITHDRAW)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExchangeKey.objects.filter(pk=row.pk).update(removed_at=clock.wall_now())


def test_queries_do_not_grow_with_keys(owner: User) -> None:
    counts = []
    for exchange in ("okx", "bybit", "kucoin"):
        valid(owner, exchange)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            client_of(owner).get(URL)
        counts.append(len(caught))
    assert len(set(counts)) == 1


def test_exchanges_with_a_valid_key_are_ones_own(
    owner: User, make_opportunity: Callable[..., Opportunity], make_user: MakeUser
) -> None:
    on_both = make_opportunity(exchanges=("binanceusdm", "okx"))
    elsewhere = make_opportunity(exchanges=("binance", "gate"))
    valid(owner, "binance")
    assert selectors.preferences_of(User.objects.get(pk=owner.pk)).own_exchanges == {
        "binance", "binanceusdm", "binancecoinm",
    }  # fmt: skip
    # Named ones and those of keys together.
    Preferences.objects.create(user=owner, exchanges=["okx"], own_exchanges_only=True, updated_at=clock.now())
    fresh = User.objects.get(pk=owner.pk)
    preferences = selectors.preferences_of(fresh)
    assert selectors.is_personal(on_both, preferences)
    assert not selectors.is_personal(elsewhere, preferences)
    assert selectors.opportunities_elsewhere([on_both.pk, elsewhere.pk]) == {(owner.pk, elsewhere.pk)}
    rows = client_of(fresh).get("/api/v1/opportunities?personal=true").json()["results"]
    assert [row["id"] for row in rows] == [str(on_both.pk)]
    # A key that stops to count takes its exchanges with it.
    ExchangeKey.objects.update(state=KeyState.REFUSED)
    assert not selectors.is_personal(on_both, selectors.preferences_of(User.objects.get(pk=owner.pk)))
