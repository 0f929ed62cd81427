"""What a process says when it starts with a wrong environment."""

import os
import subprocess
import sys

import pytest


def check(**environ: str) -> "subprocess.CompletedProcess[str]":
    base = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "VIRTUAL_ENV", "LANG")}
    return subprocess.run(
        (sys.executable, "manage.py", "check"),
        env=base | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_refuses_to_start_without_its_secrets() -> None:
    result = check()
    assert result.returncode != 0
    assert "SECRET_KEY is not set" in result.stderr
    assert "VAULT_KEYS is not set" in result.stderr


def test_production_starts_with_them(settings: pytest.FixtureRequest) -> None:
    result = check(SECRET_KEY="s" * 60, VAULT_KEYS=os.environ["VAULT_KEYS"], ALLOWED_HOSTS="arbedge.test")
    assert result.returncode == 0, result.stderr


def test_a_vault_key_that_is_none_is_refused() -> None:
    result = check(SECRET_KEY="s" * 60, VAULT_KEYS="not-a-key", ALLOWED_HOSTS="arbedge.test")
    assert result.returncode != 0
    assert "VAULT_KEYS" in result.stderr


def test_an_unknown_exchange_is_told_and_the_rest_goes_on() -> None:
    result = check(DEVELOPMENT="1", EXCHANGES="binance,nosuchexchange")
    assert result.returncode == 0
    assert "nosuchexchange" in result.stdout + result.stderr
