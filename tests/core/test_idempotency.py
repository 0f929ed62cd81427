"""Idempotency keys: one effect however often it is asked for, and never an answer without its effect."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from threading import Barrier, Event

import pytest
import time_machine
from django.db import connection, transaction

from apps.core import clock
from apps.core.exceptions import TemporaryError
from apps.core.idempotency import CLAIMED_FOR, KEPT_FOR, KeyBusy, KeyReused, claimed, keys_prune
from apps.core.models import IdempotencyKey
from apps.core.tasks import prune

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"scope": "user:1", "key": "k", "digest": "d"}


def _answer(body: str = "done") -> None:
    with claimed(**ORDER) as claim:
        assert claim.kept is None
        claim.keep(status=201, body=body)


def test_the_second_time_gets_the_first_answer() -> None:
    _answer()
    with claimed(**ORDER) as claim:
        assert claim.kept is not None
        assert (claim.kept.status, claim.kept.body) == (201, "done")
    assert IdempotencyKey.objects.count() == 1


def test_a_failure_frees_the_key() -> None:
    with pytest.raises(ValueError, match="broken"), claimed(**ORDER):
        raise ValueError("broken")
    assert not IdempotencyKey.objects.exists()
    _answer()


def test_an_answer_falls_with_its_effect() -> None:
    with pytest.raises(ValueError), claimed(**ORDER) as claim, transaction.atomic():
        claim.keep(status=201, body="done")
        raise ValueError
    _answer("again")
    assert IdempotencyKey.objects.get().body == "again"


def test_the_claim_of_a_killed_process_times_out() -> None:
    now = clock.wall_now()
    IdempotencyKey.objects.create(
        scope="user:1", key="k", request_digest="d", created_at=now, expires_at=now + KEPT_FOR
    )
    with pytest.raises(KeyBusy), claimed(**ORDER):
        pass
    with time_machine.travel(now + CLAIMED_FOR, tick=False):
        _answer()


def test_a_key_is_for_one_request_of_one_person() -> None:
    _answer()
    with pytest.raises(KeyReused), claimed(**{**ORDER, "digest": "other"}):
        pass
    with claimed(**{**ORDER, "scope": "user:2", "digest": "other"}) as claim:
        assert claim.kept is None


def test_a_key_of_yesterday_is_new() -> None:
    _answer()
    with time_machine.travel(clock.wall_now() + KEPT_FOR, tick=False), claimed(**{**ORDER, "digest": "other"}) as claim:
        assert claim.kept is None


def test_who_takes_too_long_may_not_answer_any_more() -> None:
    with claimed(**ORDER) as slow:
        with time_machine.travel(clock.wall_now() + CLAIMED_FOR, tick=False):
            _answer("the other's")
        with pytest.raises(TemporaryError, match="somebody else"):
            slow.keep(status=201, body="mine")
    assert IdempotencyKey.objects.get().body == "the other's"


def test_of_many_at_once_one_works() -> None:
    together, tried = Barrier(6), Event()

    def ask() -> str:
        together.wait()
        try:
            with claimed(**ORDER) as claim:
                if claim.kept is not None:
                    return "replayed"
                tried.wait(30)
                claim.keep(status=201, body="done")
                return "worked"
        except KeyBusy:
            return "busy"
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(ask) for _ in range(6)]
        # All but the one who works have their answer before there is any.
        assert len(list(islice(as_completed(answers, timeout=30), 5))) == 5
        tried.set()
        assert sorted(one.result() for one in answers) == ["busy"] * 5 + ["worked"]


def test_keys_are_forgotten_after_a_day() -> None:
    _answer()
    assert keys_prune(now=clock.wall_now()) == 0
    with time_machine.travel(clock.wall_now() + KEPT_FOR, tick=False):
        prune()
    assert not IdempotencyKey.objects.exists()
