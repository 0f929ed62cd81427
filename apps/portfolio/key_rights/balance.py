"""Exchanges that document no way to ask what a key may do: a balance proves that it works, its rights stay unknown."""

from typing import ClassVar

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader


class BalanceReader(RightsReader):
    """Asks for a balance, which no stranger gets, and forgets it."""

    method: ClassVar[str]

    async def rights(self, client: Client) -> KeyRights:
        """Unknown, of a key that works."""
        await client.call(self.method, {})
        return KeyRights.UNKNOWN


class Bitget(BalanceReader):
    """Spot assets."""

    source = "https://www.bitget.com/api-doc/spot/account/Get-Account-Assets"
    method = "privateSpotGetV2SpotAccountAssets"


class Gate(BalanceReader):
    """Spot accounts."""

    source = "https://www.gate.com/docs/developers/apiv4/en/#list-spot-accounts"
    method = "privateSpotGetAccounts"


class KrakenFutures(BalanceReader):
    """Wallets."""

    source = "https://docs.kraken.com/api/docs/futures-api/trading/get-accounts"
    method = "privateGetAccounts"


class Mexc(BalanceReader):
    """The account; its `canWithdraw` is about the account and not about the key."""

    source = "https://www.mexc.com/api-docs/spot-v3/spot-account-trade#account-information"
    method = "spotPrivateGetAccount"
