"""Binance."""

import msgspec

from apps.accounts.enums import KeyRights
from apps.portfolio.key_rights.base import Client, RightsReader, highest, told


class _Restrictions(msgspec.Struct, rename="camel"):
    enable_withdrawals: bool
    enable_spot_and_margin_trading: bool
    enable_futures: bool = False
    enable_vanilla_options: bool = False
    enable_portfolio_margin_trading: bool = False
    enable_fix_api_trade: bool = False


class Binance(RightsReader):
    """One switch for each right. Transfers between one's own wallets are not withdrawals."""

    source = "https://developers.binance.com/docs/wallet/account/api-key-permission"

    async def rights(self, client: Client) -> KeyRights:
        """By the switches."""
        answer = await client.call("sapiGetAccountApiRestrictions", {})
        may = told(answer.value, _Restrictions, client)
        trade = (
            may.enable_spot_and_margin_trading
            or may.enable_futures
            or may.enable_vanilla_options
            or may.enable_portfolio_margin_trading
            or may.enable_fix_api_trade
        )
        return highest(trade=trade, withdraw=may.enable_withdrawals)
