"""Networks of deposits and withdrawals, as ccxt reads them off what the sandbox lists."""

from typing import Any

import pytest

from sandbox.exchanges.keys import KEYS
from sandbox.market.networks import networks_of
from tests.sandbox.conftest import ask
from tests.sandbox.played import SPOT, board_of
from tests.sandbox_process import Sandbox


@pytest.mark.parametrize("name", ["bitget", "gate", "kucoin", "mexc", "htx", "bingx"])
def test_networks_say_what_is_open(outside: Sandbox, name: str) -> None:
    async def question(client: Any) -> dict[str, Any]:
        for field, value in KEYS.get(name, {}).items():
            setattr(client, field, value)
        return dict(await client.fetch_currencies())

    currencies = ask(outside.url, name, question)
    assets = {each.asset.name: each.asset for each in board_of(name, SPOT).listings}
    closed = 0
    for code, asset in assets.items():
        networks = {network.chain: network for network in networks_of(name, asset)}
        assert currencies[code]["networks"].keys() == networks.keys()
        for chain, network in networks.items():
            told = currencies[code]["networks"][chain]
            assert (told["deposit"], told["withdraw"]) == (network.deposit, network.withdraw)
            # Gate tells no fees to somebody without a key.
            assert told["fee"] == (None if name == "gate" else pytest.approx(network.fee))
            closed += not (network.deposit and network.withdraw)
    assert 0 < closed < len(assets)
