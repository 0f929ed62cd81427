"""OKX."""

from typing import Annotated

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told


class _Config(msgspec.Struct):
    perm: str


class _Answer(msgspec.Struct):
    data: Annotated[list[_Config], msgspec.Meta(min_length=1)]


class Okx(RightsReader):
    """Names separated by commas: `read_only,trade,withdraw`."""

    source = "https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-account-configuration"

    async def rights(self, client: Client) -> KeyRights:
        """By the names."""
        config = told((await client.call("privateGetAccountConfig", {})).value, _Answer, client).data[0]
        may = {name.strip() for name in config.perm.split(",")}
        return highest(trade="trade" in may, withdraw="withdraw" in may)
