"""Keys are for reading by construction: what would trade, move funds or change a setting is refused before it is
signed, with the operator's keys and everybody's, and no client of a feed has a user's key."""

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.services import user_create
from apps.accounts.services.exchange_keys import exchange_key_add
from apps.core import clock, loop
from apps.core.exceptions import PermanentError
from apps.markets import services
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges import registry
from apps.markets.exchanges.client import CcxtClient
from apps.markets.exchanges.credentials import Credentials
from sandbox.exchanges.keys import demo_key
from tests.markets.adapters import adapters_close
from tests.sandbox_process import Sandbox

WRITES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("create_order", ("BTC/USDT", "limit", "buy", 1, 1)),
    ("createOrder", ("BTC/USDT", "limit", "buy", 1, 1)),
    ("cancel_order", ("1", "BTC/USDT")),
    ("cancelAllOrders", ("BTC/USDT",)),
    ("edit_order", ("1", "BTC/USDT", "limit", "buy", 1, 1)),
    ("withdraw", ("BTC", 1, "bc1qaddress")),
    ("transfer", ("BTC", 1, "spot", "swap")),
    ("set_leverage", (10, "BTC/USDT")),
    ("borrowCrossMargin", ("BTC", 1)),
)
RAW = {
    "binance": ("privatePostOrder", "sapiPostCapitalWithdrawApply", "privateDeleteOrder"),
    "bybit": ("privatePostV5OrderCreate", "privatePostV5AssetWithdrawCreate"),
    "kraken": ("privatePostAddOrder", "privatePostWithdraw", "privatePostBalance"),
    "okx": ("privatePostTradeOrder", "privatePostAssetWithdrawal"),
    "coinbase": ("v3PrivatePostBrokerageOrders",),
}


def refused(client: CcxtClient, method: str, *args: Any) -> None:
    with pytest.raises(PermanentError) as caught:
        loop.run(client.call(method, *args), timeout=10)
    assert caught.value.code == "read_only"


@pytest.fixture
def nobody_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a client with a key sent anything to."""
    sent: list[str] = []
    fetch = CcxtClient.mixins[1].fetch  # type: ignore[attr-defined]

    async def told(self: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        sent.append(url)
        return await fetch(self, url, *args, **kwargs)

    monkeypatch.setattr(CcxtClient.mixins[1], "fetch", told)
    return sent


@pytest.mark.parametrize("exchange", RAW)
@pytest.mark.parametrize("whose", ["operator", "user"])
def test_no_key_can_trade_or_withdraw(sandbox: Sandbox, nobody_asked: list[str], exchange: str, whose: str) -> None:
    key = Credentials(demo_key(exchange, "withdraw"))
    if whose == "operator":
        client: Any = registry.signed_adapter(exchange, gateway=sandbox.url, key=key).client
    else:
        client = registry.single_use_client(exchange, gateway=sandbox.url, key=key)
    client._ccxt.timeout_on_exit = 0
    try:
        for method, args in WRITES:
            refused(client, method, *args)
        for method in RAW[exchange]:
            refused(client, method, {})
        # Also for who reaches past our client, to ccxt itself.
        with pytest.raises(PermanentError):
            loop.run(getattr(client._ccxt, RAW[exchange][0])({}), timeout=10)
    finally:
        adapters_close()
        loop.run(client.close(), timeout=10)
    assert nobody_asked == []


def test_what_asks_goes_through(sandbox: Sandbox) -> None:
    client = registry.single_use_client("kraken", gateway=sandbox.url, key=Credentials(demo_key("kraken")))
    client._ccxt.timeout_on_exit = 0

    async def ask() -> Any:
        try:
            return (await client.call("privatePostGetApiKeyInfo", {})).value
        finally:
            await client.close()

    assert loop.run(ask(), timeout=10)["result"]["permissions"] == ["query-funds", "query-open-trades"]


def test_ingestion_never_goes_out_with_a_users_key(
    sandbox: Sandbox, settings: Settings, redis_state: None, db: None
) -> None:
    settings.EXCHANGES, settings.EXCHANGE_KEYS = ["binance", "coinbase"], {"binance": demo_key("binance")}
    user = user_create(email="owner@example.test")
    for exchange in ("binance", "coinbase"):
        exchange_key_add(
            user_id=user.pk, exchange=exchange, credentials=demo_key(exchange, "trade"), now=clock.wall_now()
        )
    services.exchanges_setup()
    try:
        services.exchange_sync_markets(exchange="binance")
        assert services.ingest(exchange="binance", kind=SnapshotKind.SPOT) is not None
        services.transfers_sync(exchange="binance")
        used = {adapter.client.api_key for adapter in registry._warm.values()}  # type: ignore[attr-defined]
        # Coinbase's quotes are for holders of a key: a user's one does not open them.
        services.exchange_sync_markets(exchange="coinbase")
        told = services.ingest(exchange="coinbase", kind=SnapshotKind.SPOT)
    finally:
        adapters_close()
    assert used == {"", demo_key("binance")["apiKey"]}
    assert told is not None and told.state.value == "disabled"


def test_the_lending_client_keeps_its_markets_to_itself(sandbox: Sandbox) -> None:
    client = registry.single_use_client("okx", gateway=sandbox.url, key=Credentials(demo_key("okx")))
    assert client._lender is None
    asyncio.run(client.close())
