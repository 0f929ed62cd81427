"""Before a live run: which exchanges answer, and what is said when none does."""

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.markets import services
from tests.sandbox_process import Sandbox


def test_each_exchange_says_whether_it_answers(sandbox: Sandbox, settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "okx", "nosuchexchange"]
    sandbox.faults([{"host": "*okx.com", "status": 503}])
    reasons = services.exchanges_reach()
    assert reasons["binance"] == ""
    assert "okx" in reasons["okx"]
    assert "nosuchexchange" in reasons["nosuchexchange"]


def test_a_live_run_without_any_exchange_is_refused_with_what_to_do(
    sandbox: Sandbox, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EXCHANGES = ["binance"]
    call_command("exchanges_reach")
    assert "binance: answers" in capsys.readouterr().out
    sandbox.faults([{"host": "*", "cut": True}])
    with pytest.raises(CommandError, match=r"No exchange can be reached(.|\n)*binance(.|\n)*make run"):
        call_command("exchanges_reach")
