"""Keys of the sandbox's exchanges, and whose they are."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.accounts.models import ExchangeKey, User
from apps.accounts.services import user_create
from apps.accounts.services.exchange_keys import exchange_key_add
from apps.core import clock, config
from apps.markets.exchanges import registry
from apps.portfolio.services import exchange_key_check
from sandbox.exchanges.keys import demo_key
from tests.sandbox_process import Sandbox

AddKey = Callable[..., ExchangeKey]


@pytest.fixture(autouse=True)
def _prompt_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """ccxt waits a quarter of a second for TLS to end; there is none here."""
    single_use = registry.single_use_client

    def made(*args: Any, **kwargs: Any) -> Any:
        client = single_use(*args, **kwargs)
        client._ccxt.timeout_on_exit = 0
        return client

    monkeypatch.setattr(registry, "single_use_client", made)


@pytest.fixture(autouse=True)
def _fresh_config() -> Iterator[None]:
    config.forget()
    yield
    config.forget()


@pytest.fixture
def owner(db: None) -> User:
    """Somebody with keys."""
    return user_create(email="owner@example.test")


@pytest.fixture
def add_key(owner: User, sandbox: Sandbox, redis_state: None) -> AddKey:
    """Adds one of the sandbox's keys; with `checked` it is checked too."""

    def add(exchange: str, kind: str = "read", *, checked: bool = False, **fields: str) -> ExchangeKey:
        row = exchange_key_add(
            user_id=owner.pk, exchange=exchange, credentials=demo_key(exchange, kind) | fields, now=clock.wall_now()
        )
        if checked:
            exchange_key_check(key_id=row.pk, now=clock.wall_now())
            row.refresh_from_db()
        return row

    return add
