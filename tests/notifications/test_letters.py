"""Letters of accounts: posted once, to the account's own address where they say so, over real SMTP."""

import re
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import UserStatus
from apps.accounts.models import Letter, User
from apps.accounts.services import invitation_create, letter_write
from apps.accounts.types import LettersWritten
from apps.core import clock, events
from apps.notifications.models import Endpoint, Notification
from apps.notifications.services import deliver, letters_post
from apps.notifications.services.endpoints import endpoint_disable
from apps.notifications.tasks import post_letters
from tests.notifications.people import endpoint_new, user_new
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.usefixtures("templates")


def write(user: User, **fields: Any) -> Letter:
    letter: dict[str, Any] = {"title": "News", "text": "words", "now": clock.wall_now()}
    return letter_write(user_id=user.pk, **letter | fields)


def test_from_registering_to_an_open_account_through_the_mail(sandbox: Sandbox, redis_state: None) -> None:
    _, invitation = invitation_create(now=clock.wall_now())
    body = {"email": "ada@example.test", "password": "correct horse battery", "invitation_code": invitation}
    registration = APIClient().post("/api/v1/auth/register", body, format="json").json()["registration"]
    assert post_letters() is None
    deliver(priority="high")
    [mail] = sandbox.received("email")
    found = re.search(r"code is (\d{8})", str(mail["body"]))
    assert found is not None
    code = found[1]
    assert code not in str(list(Notification.objects.values()))
    assert Letter.objects.get().sealed == ""
    # Until the address is proven nothing else goes there.
    assert not Endpoint.objects.get().usable
    answer = APIClient().post(
        "/api/v1/auth/register/confirm", {"registration": registration, "code": code}, format="json"
    )
    assert answer.status_code == 200
    letters_post(now=clock.now())
    deliver(priority="high")
    assert "Welcome" in str(sandbox.received("email")[1])
    assert Endpoint.objects.get().usable


def test_who_has_not_confirmed_is_sent_what_confirms_and_nothing_else(sandbox: Sandbox, redis_state: None) -> None:
    ada = user_new(status=UserStatus.PENDING)
    endpoint_new(ada, "email", "other@example.test")
    write(ada)
    letters_post(now=clock.now())
    deliver(priority="high")
    assert sandbox.received("email") == []
    suspended = user_new(status=UserStatus.SUSPENDED)
    write(suspended, to_address=True)
    letters_post(now=clock.now())
    deliver(priority="high")
    assert sandbox.received("email") == []


def test_a_letter_is_posted_once_also_by_two_at_once(db: None) -> None:
    letter = write(user_new())
    assert (letters_post(now=clock.now()), letters_post(now=clock.now())) == (1, 0)
    # As another run saw it that read before this one wrote.
    Letter.objects.update(posted_at=None, sealed=letter.sealed)
    assert letters_post(now=clock.now()) == 1
    assert Notification.objects.count() == 1


def test_what_is_for_the_address_goes_nowhere_else(db: None) -> None:
    ada = user_new()
    elsewhere = endpoint_new(ada, "email", "shared@example.test")
    write(ada, to_address=True)
    letters_post(now=clock.now())
    owed = Notification.objects.get()
    assert owed.to_endpoint.address == ada.email  # type: ignore[union-attr]
    assert set(owed.deliveries.values_list("endpoint__address", flat=True)) == {ada.email}
    assert elsewhere.pk != owed.to_endpoint_id
    User.objects.filter(pk=ada.pk).update(email="no..mail@example.test")
    write(ada, to_address=True)
    letters_post(now=clock.now())
    assert Notification.objects.count() == 1


def test_other_letters_go_where_the_person_is_reached(db: None) -> None:
    ada = user_new()
    endpoint_new(ada, "telegram", "1001")
    write(ada)
    letters_post(now=clock.now())
    assert Notification.objects.get().deliveries.get().channel == "telegram"


def test_an_address_that_was_switched_off_stays_so(db: None) -> None:
    ada = user_new()
    mail = endpoint_new(ada, "email", ada.email)
    endpoint_disable(endpoint_id=mail.pk, reason="Unsubscribed.")
    write(ada, to_address=True)
    letters_post(now=clock.now())
    assert Notification.objects.get().state == "dead"


def test_a_late_letter_and_a_broken_one_keep_nobody(db: None) -> None:
    late = write(user_new(), now=clock.wall_now() - timedelta(days=4))
    broken, whole = write(user_new()), write(user_new())
    Letter.objects.filter(pk=broken.pk).update(sealed=whole.sealed)
    assert letters_post(now=clock.now()) == 1
    whole.refresh_from_db()
    late.refresh_from_db()
    assert (whole.posted_at is not None, late.posted_at) == (True, None)


def test_a_letter_is_news_without_its_words(django_capture_on_commit_callbacks: Any, db: None) -> None:
    heard: list[LettersWritten] = []
    events.subscribe(LettersWritten, heard.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            write(user_new(), text="a secret")
    finally:
        events.unsubscribe(LettersWritten, heard.append)
    assert heard == [LettersWritten()]
