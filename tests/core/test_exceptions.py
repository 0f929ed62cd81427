"""Errors that say what to do."""

import pytest

from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError, TemporaryError, ThrottledError


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ArbEdgeError, "error"),
        (PermanentError, "permanent"),
        (TemporaryError, "temporary"),
        (OperatorError, "operator"),
    ],
)
def test_each_has_a_code_and_keeps_its_details(kind: type[ArbEdgeError], code: str) -> None:
    assert kind("went wrong").code == code
    error = kind("went wrong", code="special", host="x")
    assert (str(error), error.code, error.details) == ("went wrong", "special", {"host": "x"})
    assert kind("again").code == code


def test_throttled_says_how_long_and_is_temporary() -> None:
    error = ThrottledError("slow down", retry_after=2.5, status=429)
    assert isinstance(error, TemporaryError)
    assert (error.retry_after, error.code, error.details) == (2.5, "throttled", {"status": 429})
