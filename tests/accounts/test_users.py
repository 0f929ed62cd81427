"""Accounts: one spelling of an address, refused duplicates, sign-in."""

import io
import uuid

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.models import User
from apps.accounts.selectors import user_by_email, users_active
from apps.accounts.services import user_create
from tests.accounts.conftest import MakeUser

PASSWORD = "correct horse battery"


def test_user_has_uuid_key_and_lowercase_address(db: None) -> None:
    user = user_create(email="  Ada@Example.TEST ", password=PASSWORD)
    assert isinstance(user.pk, uuid.UUID)
    assert User.objects.get().email == "ada@example.test"


def test_same_address_in_other_case_is_refused(make_user: MakeUser) -> None:
    make_user("ada")
    with pytest.raises(ValidationError, match="already in use"):
        make_user("ADA")
    assert User.objects.count() == 1


def test_database_refuses_another_spelling(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User(email="Ada@example.test").save()


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.test"])
def test_malformed_address_is_refused(db: None, email: str) -> None:
    with pytest.raises(ValidationError):
        user_create(email=email, password=PASSWORD)
    assert not User.objects.exists()


def test_weak_password_is_refused(db: None) -> None:
    with pytest.raises(ValidationError, match="too short"):
        user_create(email="ada@example.test", password="short")
    assert not User.objects.exists()


def test_sign_in_by_address_in_any_case(db: None) -> None:
    user = user_create(email="ada@example.test", password=PASSWORD)
    assert authenticate(username="ADA@example.test", password=PASSWORD) == user
    assert authenticate(username="ada@example.test", password="wrong") is None


@pytest.mark.parametrize("status", [UserStatus.PENDING, UserStatus.SUSPENDED, UserStatus.DEACTIVATED])
def test_only_active_accounts_sign_in(db: None, status: UserStatus) -> None:
    user_create(email="ada@example.test", password=PASSWORD, status=status)
    assert authenticate(username="ada@example.test", password=PASSWORD) is None


def test_user_without_password_cannot_sign_in(make_user: MakeUser) -> None:
    user = make_user("ada")
    assert not user.has_usable_password()
    assert authenticate(username=user.email, password="") is None


def test_createsuperuser_without_questions(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="Op@example.test", interactive=False, stdout=io.StringIO())
    user = User.objects.get()
    assert (user.email, user.is_staff, user.is_superuser) == ("op@example.test", True, True)
    assert user.role == Role.SUPER_ADMIN
    assert authenticate(username="op@example.test", password=PASSWORD) == user


def test_manager_needs_an_address(db: None) -> None:
    with pytest.raises(ValueError, match="needs an e-mail address"):
        User.objects.create_user("  ")


def test_names_fall_back_to_the_address(make_user: MakeUser) -> None:
    user = make_user("ada")
    assert user.get_full_name() == user.get_short_name() == "ada"
    user.name = ""
    assert user.get_short_name() == str(user) == "ada@example.test"


def test_users_active_leaves_the_others_out(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    eve = make_user("eve", status=UserStatus.SUSPENDED)
    assert set(users_active()) == {ada, bob}
    assert list(users_active(ids=[bob.pk, eve.pk])) == [bob]
    assert list(users_active(ids=[])) == []


def test_users_are_found(make_user: MakeUser) -> None:
    ada = make_user("ada")
    assert user_by_email("ADA@example.test ") == ada
    assert user_by_email("bob@example.test") is None


def test_ranks_are_ordered() -> None:
    assert [tier.rank for tier in (Tier.FREE, Tier.BASIC, Tier.PREMIUM, Tier.ENTERPRISE)] == [0, 1, 2, 3]
    assert Role.USER.rank < Role.ADMIN.rank < Role.SUPER_ADMIN.rank
