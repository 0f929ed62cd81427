"""Settled fundings: what was really paid."""

from django.contrib import admin

from apps.core.admin.base import ReadOnlyAdmin, display, percent
from apps.markets.models import SettledFunding


@admin.register(SettledFunding)
class SettledFundingAdmin(ReadOnlyAdmin):
    """One settlement a row; the predicted rates are the funding feeds."""

    list_display = ("settled_at", "show_exchange", "show_symbol", "show_rate")
    list_filter = ("market__exchange",)
    search_fields = ("market__symbol", "market__exchange__id", "market__instrument")
    list_select_related = ("market",)
    date_hierarchy = "settled_at"
    ordering = ("-settled_at",)

    @display("exchange", ordering="market__exchange")
    def show_exchange(self, funding: SettledFunding) -> str:
        """Where it was paid."""
        return funding.market.exchange_id

    @display("symbol", ordering="market__symbol")
    def show_symbol(self, funding: SettledFunding) -> str:
        """For which perpetual."""
        return funding.market.symbol

    @display("longs paid", ordering="rate")
    def show_rate(self, funding: SettledFunding) -> str:
        """The rate in per cent of notional."""
        return percent(funding.rate)
