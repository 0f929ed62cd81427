"""KuCoin."""

from typing import Final

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told

_TRADES: Final = frozenset({"Spot", "Margin", "Futures", "Trade"})
# What withdrawals need; `InnerTransfer` stays inside the account.
_WITHDRAWS: Final = frozenset({"Transfer", "Withdrawal"})


class _Key(msgspec.Struct):
    permission: str


class _Answer(msgspec.Struct):
    data: _Key


class Kucoin(RightsReader):
    """Names separated by commas: `General,Spot,Margin,Futures,InnerTransfer,Transfer,Earn`."""

    source = "https://www.kucoin.com/docs-new/rest/account-info/account-funding/get-apikey-info"

    async def rights(self, client: Client) -> KeyRights:
        """By the names."""
        key = told((await client.call("privateGetUserApiKey", {})).value, _Answer, client).data
        may = {name.strip() for name in key.permission.split(",")}
        return highest(trade=bool(may & _TRADES), withdraw=bool(may & _WITHDRAWS))
