"""One event loop per process."""

import asyncio
import os
import threading

import pytest

from apps.core import loop
from apps.core.exceptions import TemporaryError


async def where() -> tuple[int, int]:
    return id(asyncio.get_running_loop()), threading.get_ident()


def test_everybody_shares_one_loop_on_a_thread_of_its_own() -> None:
    first, second = loop.run(where(), timeout=5), loop.run(where(), timeout=5)
    assert first == second
    assert first[0] == id(loop.current())
    assert first[1] != threading.get_ident()


def test_what_the_coroutine_raises_comes_out() -> None:
    async def broken() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        loop.run(broken(), timeout=5)


def test_the_coroutines_own_timeout_stays_its_own() -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        loop.run(impatient(), timeout=5)


def test_too_late_is_temporary_and_the_coroutine_is_cancelled() -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TemporaryError) as caught:
        loop.run(endless(), timeout=0.05)
    assert caught.value.code == "timeout"
    assert cancelled.wait(5)


def test_a_forked_child_starts_its_own() -> None:
    loop.run(where(), timeout=5)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing but this may run in the child: pytest's own ending belongs to the parent.
        answered = b"0"
        try:
            answered = b"1" if loop.run(where(), timeout=5)[1] != threading.get_ident() else b"0"
        finally:
            os.write(writer, answered)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        assert answers.read() == b"1"
    assert os.waitpid(child, 0)[1] == 0


def test_what_was_warm_is_closed_on_the_loop_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[tuple[int, int]] = []

    async def close() -> None:
        closed.append(await where())

    monkeypatch.setattr(loop, "_closers", [])
    loop.at_exit(close)
    here = loop.run(where(), timeout=5)
    loop._close_all()
    assert closed == [here]
    assert caplog.text == ""


def test_one_that_fails_to_close_is_told_without_its_words_and_the_others_are_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[int] = []

    async def broken() -> None:
        raise OSError("s3cret")

    async def close() -> None:
        closed.append(1)

    monkeypatch.setattr(loop, "_closers", [broken, close])
    loop.get()
    loop._close_all()
    assert closed == [1]
    assert "OSError" in caplog.text
    assert "s3cret" not in caplog.text


def test_what_will_not_close_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def stuck() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(loop, "_closers", [stuck])
    monkeypatch.setattr(loop, "CLOSE_TIMEOUT_S", 0.05)
    loop.get()
    loop._close_all()
    assert "Not everything on the event loop was closed" in caplog.text


def test_a_loop_that_never_ran_has_nothing_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    async def close() -> None:
        raise AssertionError("nobody asked for a loop")

    monkeypatch.setattr(loop, "_closers", [close])
    monkeypatch.setattr(loop, "_loop", None)
    loop._close_all()
    assert loop.current() is None
