"""The worst of many answers, and answers that are remembered."""

from apps.core.health import Health
from apps.monitoring.selectors import Remembered, health_worst


def test_worst_of_none_is_healthy() -> None:
    assert health_worst({}) == "healthy"
    mixed = {"a": Health("healthy"), "b": Health("unhealthy"), "c": Health("degraded")}
    assert health_worst(mixed) == "unhealthy"
    assert health_worst({"a": Health("healthy"), "c": Health("degraded")}) == "degraded"


def test_remembered_answer_is_asked_anew_only_when_forgotten() -> None:
    numbers = iter(range(10))
    remembered = Remembered(lambda: next(numbers), seconds=3600)
    assert [remembered(), remembered()] == [0, 0]
    remembered.forget()
    assert [remembered(), remembered()] == [1, 1]
