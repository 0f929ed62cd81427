"""HTX."""

from typing import Annotated

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told


class _Uid(msgspec.Struct):
    data: int


class _Key(msgspec.Struct, rename="camel"):
    access_key: str
    permission: str


class _Keys(msgspec.Struct):
    data: Annotated[list[_Key], msgspec.Meta(min_length=1)]


class Htx(RightsReader):
    """Names separated by commas, of the key that is asked about: `readOnly,trade,withdraw`."""

    source = "https://huobiapi.github.io/docs/spot/v1/en/#api-key-query"

    async def rights(self, client: Client) -> KeyRights:
        """By the names of all the keys that are told, in case others come with it: never less than its own."""
        uid = told((await client.call("spotPrivateGetV2UserUid", {})).value, _Uid, client).data
        answer = await client.call("spotPrivateGetV2UserApiKey", {"uid": uid, "accessKey": client.api_key})
        may = {name.strip() for key in told(answer.value, _Keys, client).data for name in key.permission.split(",")}
        return highest(trade="trade" in may, withdraw="withdraw" in may)
