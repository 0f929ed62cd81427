"""Coinbase Advanced."""

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told


class _Permissions(msgspec.Struct):
    can_trade: bool
    can_transfer: bool


class Coinbase(RightsReader):
    """Three switches; the one for transfers also lets money out."""

    source = "https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions"

    async def rights(self, client: Client) -> KeyRights:
        """By the switches."""
        may = told((await client.call("v3PrivateGetBrokerageKeyPermissions", {})).value, _Permissions, client)
        return highest(trade=may.can_trade, withdraw=may.can_transfer)
