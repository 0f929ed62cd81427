"""Bybit."""

from typing import Final

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told

# Groups of permissions that move no position and no order; all others are for trading.
_NOT_TRADING: Final = frozenset({"Wallet", "Affiliate", "NFT"})


class _Key(msgspec.Struct, rename="camel"):
    read_only: int
    permissions: dict[str, list[str] | None]


class _Answer(msgspec.Struct):
    result: _Key


class Bybit(RightsReader):
    """Permissions by group, and one switch that makes all of them reading only."""

    source = "https://bybit-exchange.github.io/docs/v5/user/apikey-info"

    async def rights(self, client: Client) -> KeyRights:
        """By the switch, else by the groups."""
        key = told((await client.call("privateGetV5UserQueryApi", {})).value, _Answer, client).result
        if key.read_only:
            return KeyRights.READ
        trade = any(given for group, given in key.permissions.items() if group not in _NOT_TRADING)
        return highest(trade=trade, withdraw="Withdraw" in (key.permissions.get("Wallet") or ()))
