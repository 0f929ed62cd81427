"""Tables of plug-ins, and the system checks on them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks

from apps.core import registry
from apps.core.exceptions import OperatorError
from apps.core.registry import Registry


class Animal:
    """A base."""


class Dog(Animal):
    """A plug-in."""


HERE = "tests.core.test_registry"


@pytest.fixture
def animals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Animal]]:
    monkeypatch.setattr(registry, "_all", [])
    yield Registry(
        "animal",
        f"{HERE}.Animal",
        {"dog": f"{HERE}.Dog", "ghost": f"{HERE}.Ghost", "text": f"{HERE}.HERE", "error": "builtins.ValueError"},
    )


def test_names_keep_the_tables_order_and_get_imports(animals: Registry[Animal]) -> None:
    assert animals.names() == ("dog", "ghost", "text", "error")
    assert animals.get("dog") is animals.get("dog") is Dog


def test_an_unknown_name_is_told_with_the_known_ones(animals: Registry[Animal]) -> None:
    with pytest.raises(OperatorError, match=r"Unknown animal 'cat'; known: dog, ghost, text, error\.") as caught:
        animals.get("cat")
    assert caught.value.code == "unknown_plugin"


def test_an_empty_table_says_so() -> None:
    with pytest.raises(OperatorError, match=r"known: none\."):
        Registry("none", f"{HERE}.Animal", {}).get("x")


@pytest.mark.parametrize(("name", "why"), [("ghost", "does not import"), ("text", "is no"), ("error", "is no Animal")])
def test_a_bad_row_says_what_is_wrong(animals: Registry[Animal], name: str, why: str) -> None:
    with pytest.raises(OperatorError, match=why) as caught:
        animals.get(name)
    assert caught.value.code == "bad_plugin"


def test_the_system_check_names_every_bad_row(animals: Registry[Animal]) -> None:
    found = [message.msg for message in run_checks(include_deployment_checks=True) if message.id == "core.E001"]
    assert len(found) == 3
    assert "ghost" in found[0]


def test_the_system_check_names_bad_keys_without_showing_them(settings: Any) -> None:
    settings.VAULT_KEYS = ["not-a-key-but-secret"]
    messages = [message.msg for message in run_checks() if message.id == "core.E002"]
    assert messages == ["VAULT_KEYS: key number 1 is not a Fernet key."]
    settings.VAULT_KEYS = []
    assert "vault_key" in next(message.msg for message in run_checks() if message.id == "core.E002")


def test_every_command_tells_what_is_not_there_without_importing_it(animals: Registry[Animal]) -> None:
    found = [message.msg for message in run_checks() if message.id == "core.E003"]
    assert [message.split(": ")[0] for message in found] == ["animal 'ghost'", "animal 'text'"]
    assert not animals._loaded
    assert Registry("animal", f"{HERE}.Animal", {"x": "nowhere.at.all.X"}).missing()
