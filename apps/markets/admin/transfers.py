"""Deposits and withdrawals."""

from django.contrib import admin

from apps.core.admin.base import ReadOnlyAdmin, display
from apps.markets.enums import Gate
from apps.markets.models import CurrencyNetwork

_COLOURS = {str(Gate.OPEN): "success", str(Gate.CLOSED): "danger", str(Gate.UNKNOWN): "info"}


@admin.register(CurrencyNetwork)
class CurrencyNetworkAdmin(ReadOnlyAdmin):
    """What each exchange says of each currency's networks; how old that is stands in the exchange's row."""

    list_display = ("currency", "network", "exchange", "show_deposit", "show_withdraw", "withdraw_fee", "changed_at")
    list_filter = ("exchange", "deposit", "withdraw")
    search_fields = ("currency", "network")
    list_select_related = ("exchange",)
    ordering = ("currency", "exchange_id", "network")

    @display("deposits", ordering="deposit", labels=_COLOURS)
    def show_deposit(self, row: CurrencyNetwork) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.deposit, row.get_deposit_display()

    @display("withdrawals", ordering="withdraw", labels=_COLOURS)
    def show_withdraw(self, row: CurrencyNetwork) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.withdraw, row.get_withdraw_display()
