"""Health probes."""

import pytest

from apps.core import health
from apps.core.health import Health


def test_every_probe_answers_for_itself(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Health:
        raise ConnectionError("redis://user:secret@host")

    monkeypatch.setattr(health, "_probes", {})
    health.register("well", lambda: Health("unhealthy"))
    health.register("well", lambda: Health("healthy", details={"age_s": 1}))
    health.register("broken", broken)
    assert health.check_all() == {
        "well": Health("healthy", details={"age_s": 1}),
        "broken": Health("unhealthy", reason="probe failed: ConnectionError"),
    }
    assert "Health probe broken failed" in caplog.text
