"""Sessions: seven days from their last use, ended by their owner, and by whatever changes what their owner may."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.enums import Role, UserStatus
from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import AccountSession, SessionKind, User
from apps.accounts.selectors.sessions import sessions_of
from apps.accounts.services import sessions
from apps.accounts.services.sessions import session_end, session_open, session_verify, sessions_end, sessions_prune
from apps.core.caller import Caller, calling
from apps.core.models import AuditRecord
from tests.accounts.conftest import MakeUser

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def opened(user: User, *, now: datetime = NOW, kind: SessionKind = SessionKind.API) -> tuple[AccountSession, str]:
    return session_open(user=user, kind=kind, now=now)


def refused(text: str, *, now: datetime = NOW) -> str:
    with pytest.raises(TokenRefusedError) as caught:
        session_verify(text, now=now)
    assert text not in str(caught.value)
    return caught.value.code


def test_only_the_hash_is_stored_and_it_opens_nothing(make_user: MakeUser) -> None:
    row, text = opened(make_user("ada"))
    assert text.startswith("arbs_") and len(text) > 40
    assert all(text not in str(value) for value in AccountSession.objects.values_list().get())
    assert refused(row.digest) == refused("arbs_" + "x" * 43) == "session_unknown"


@pytest.mark.parametrize("kind", SessionKind)
def test_use_extends_it_by_seven_days_from_then(make_user: MakeUser, kind: SessionKind) -> None:
    row, text = opened(make_user("ada"), kind=kind)
    later = NOW + timedelta(days=6, hours=23)
    assert session_verify(text, now=later).user == row.user
    assert session_verify(text, now=later + timedelta(days=6)).pk == row.pk
    row.refresh_from_db()
    assert row.expires_at == later + timedelta(days=13)
    assert refused(text, now=row.expires_at) == "session_expired"


def test_use_is_written_at_most_once_a_minute_in_one_read(make_user: MakeUser) -> None:
    row, text = opened(make_user("ada"))
    with CaptureQueriesContext(connection) as queries:
        session_verify(text, now=NOW + timedelta(seconds=59))
    assert len(queries) == 1
    with calling(Caller(address="203.0.113.9", agent="curl/8")):
        session_verify(text, now=NOW + timedelta(seconds=60))
    row.refresh_from_db()
    user = User.objects.get()
    assert row.last_activity_at == user.last_activity_at == NOW + timedelta(seconds=60)
    assert (row.address, row.agent) == ("203.0.113.9", "curl/8")


def test_it_opens_nothing_after_its_end(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    row, text = opened(ada)
    assert not session_end(session_id=row.pk, user_id=eve.pk, now=NOW)
    assert session_verify(text, now=NOW).pk == row.pk
    assert session_end(session_id=row.pk, user_id=ada.pk, now=NOW)
    assert not session_end(session_id=row.pk, user_id=ada.pk, now=NOW)
    assert refused(text) == "session_ended"
    assert list(AuditRecord.objects.values_list("action", "actor_id")) == [("session.ended", str(ada.pk))]


def test_ending_all_spares_the_current_one_and_other_people(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    (kept, text), (_, gone), (_, hers) = opened(ada), opened(ada), opened(eve)
    assert sessions_end(user_id=ada.pk, now=NOW, because="by_owner", actor_id=ada.pk, keep=kept.pk) == 1
    assert refused(gone) == "session_ended"
    assert session_verify(text, now=NOW) and session_verify(hers, now=NOW)
    assert [row.pk for row in sessions_of(user_id=ada.pk, now=NOW)] == [kept.pk]


@pytest.mark.parametrize("status", [UserStatus.PENDING, UserStatus.SUSPENDED, UserStatus.DEACTIVATED])
def test_of_an_account_that_is_not_active_it_is_dead_at_once(make_user: MakeUser, status: UserStatus) -> None:
    ada = make_user("ada")
    _, text = opened(ada)
    User.objects.filter(pk=ada.pk).update(status=status)
    assert refused(text) == "account_inactive"


@pytest.mark.parametrize(
    "changes", [{"role": Role.ADMIN}, {"is_staff": True}, {"is_superuser": True}, {"password": "x"}]
)
def test_other_rights_or_another_password_end_it_for_good(make_user: MakeUser, changes: dict[str, object]) -> None:
    ada = make_user("ada")
    before = {name: getattr(ada, name) for name in changes}
    _, text = opened(ada)
    User.objects.filter(pk=ada.pk).update(**changes)
    assert refused(text) == "session_ended"
    User.objects.filter(pk=ada.pk).update(**before)
    assert refused(text) == "session_ended"
    assert AccountSession.objects.get().ended_because == "standing_changed"


def test_who_never_signs_out_keeps_the_places_that_are_used(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    ada = make_user("ada")
    texts = [opened(ada, now=NOW + timedelta(minutes=n))[1] for n in range(3)]
    assert refused(texts[0], now=NOW + timedelta(minutes=3)) == "session_ended"
    assert all(session_verify(text, now=NOW + timedelta(minutes=3)) for text in texts[1:])


def test_old_ones_are_deleted_a_month_later(make_user: MakeUser) -> None:
    ada = make_user("ada")
    opened(ada)
    kept, _ = opened(ada, now=NOW + timedelta(days=2))
    assert sessions_prune(now=NOW + timedelta(days=38)) == 1
    assert AccountSession.objects.get() == kept


def test_unknown_ids_end_nothing(make_user: MakeUser) -> None:
    with time_machine.travel(NOW, tick=False):
        assert not session_end(session_id=uuid4(), user_id=make_user("ada").pk, now=NOW)
    assert not AuditRecord.objects.exists()
