"""BingX."""

from typing import Final

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told

# Spot trading, perpetual futures trading; withdrawal.
_TRADES: Final = frozenset({1, 3})
_WITHDRAWS: Final = 5


class _Permissions(msgspec.Struct):
    permissions: list[int]


class Bingx(RightsReader):
    """Numbers: 1 spot trading, 2 reading, 3 perpetual trading, 4 universal transfer, 5 withdrawal, 7 transfers between
    sub-accounts. They come bare or under `data`."""

    source = (
        "https://bingx-api.github.io/docs-v3/#/en/Account%20and%20Wallet/Sub-account%20Management/"
        "%20Query%20API%20KEY%20Permissions"
    )

    async def rights(self, client: Client) -> KeyRights:
        """By the numbers."""
        body = (await client.call("accountV1PrivateGetAccountApiPermissions", {})).value
        inner = body.get("data") if isinstance(body, dict) else None
        may = set(told(inner or body, _Permissions, client).permissions)
        return highest(trade=bool(may & _TRADES), withdraw=_WITHDRAWS in may)
