"""Markets."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.core.admin.base import display, percent
from apps.core.later import later
from apps.markets.admin.base import MachineMade
from apps.markets.enums import Watch
from apps.markets.models import Market

if TYPE_CHECKING:
    from apps.markets import services
else:
    services = later("apps.markets.services")

WATCH_COLOURS: dict[str, str] = {Watch.AUTO: "info", Watch.PINNED: "success", Watch.BLOCKED: "danger"}


@admin.register(Market)
class MarketAdmin(MachineMade):
    """What the exchanges list; operators decide what of it is monitored. A fee that an exchange tells wrongly is set
    right by a fee rule, a name by an alias."""

    list_display = (
        "symbol",
        "exchange",
        "type",
        "instrument",
        "taker_fee",
        "active",
        "monitored",
        "show_watch",
        "rank",
        "show_liquidity",
        "show_spread",
        "show_volatility",
    )
    list_filter = ("exchange", "type", "active", "monitored", "watch", "quote")
    search_fields = ("symbol", "instrument", "base", "exchange__id")
    list_select_related = ("exchange",)
    ordering = ("exchange_id", "symbol")
    editable: tuple[str, ...] = ("watch",)
    actions = ("pin", "block", "leave_to_rank")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """All but what operators decide."""
        return [field.name for field in self.opts.fields if field.name not in self.editable]

    def save_model(self, request: HttpRequest, obj: Market, form: ModelForm, change: bool) -> None:
        """By the service: it counts at once."""
        services.markets_watch(market_ids=[obj.pk], watch=Watch(obj.watch))

    @display("watch", ordering="watch", labels=WATCH_COLOURS)
    def show_watch(self, market: Market) -> tuple[str, str]:
        """The operator's word as a coloured label."""
        return market.watch, market.get_watch_display()

    @display("traded in 24 h", ordering="liquidity_usd")
    def show_liquidity(self, market: Market) -> str:
        """In dollars."""
        return "–" if market.liquidity_usd is None else f"{market.liquidity_usd:,.0f}\N{NO-BREAK SPACE}$"

    @display("spread", ordering="spread")
    def show_spread(self, market: Market) -> str:
        """The running mean."""
        return percent(market.spread)

    @display("its deviation", ordering="spread_volatility")
    def show_volatility(self, market: Market) -> str:
        """The running standard deviation."""
        return percent(market.spread_volatility)

    @admin.action(description="Pin: monitor whatever the rank", permissions=["change"])
    def pin(self, request: HttpRequest, queryset: QuerySet[Market]) -> None:
        """Read them from now on."""
        self._watch(request, queryset, Watch.PINNED)

    @admin.action(description="Block: never monitor", permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[Market]) -> None:
        """Leave them out from now on."""
        self._watch(request, queryset, Watch.BLOCKED)

    @admin.action(description="Leave to their rank", permissions=["change"])
    def leave_to_rank(self, request: HttpRequest, queryset: QuerySet[Market]) -> None:
        """Neither pinned nor blocked."""
        self._watch(request, queryset, Watch.AUTO)

    def _watch(self, request: HttpRequest, queryset: QuerySet[Market], watch: Watch) -> None:
        rows = list(queryset)
        count = services.markets_watch(market_ids=[row.pk for row in rows], watch=watch)
        for row in rows:
            self.audit(request, "watched", row, {"watch": str(watch)})
        messages.success(request, f"{count} markets: {watch.label}.")
