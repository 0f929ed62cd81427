"""Kraken (spot)."""

from typing import Final

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told

_WITHDRAWS: Final = "withdraw-funds"
# All others but these change orders or funds.
_READS: Final = ("query-", "export-", "access-")


class _Key(msgspec.Struct):
    permissions: list[str]


class _Answer(msgspec.Struct):
    result: _Key


class Kraken(RightsReader):
    """Names such as `query-funds`, `modify-trades`, `withdraw-funds`; the call itself needs none of them."""

    source = "https://docs.kraken.com/api-reference/account-data/get-api-key-info"

    async def rights(self, client: Client) -> KeyRights:
        """By the names."""
        may = told((await client.call("privatePostGetApiKeyInfo", {})).value, _Answer, client).result.permissions
        return highest(trade=any(not name.startswith(_READS) for name in may), withdraw=_WITHDRAWS in may)
