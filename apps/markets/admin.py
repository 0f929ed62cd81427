"""Exchanges, their markets, and the status page of their feeds."""

from datetime import datetime

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.timesince import timesince

from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, display
from apps.markets.models import Exchange, Feed, Market

STATE_COLOURS = {
    "ok": "success",
    "new": "info",
    "stale": "warning",
    "throttled": "warning",
    "maintenance": "warning",
    "frozen": "danger",
    "clock_off": "danger",
    "error": "danger",
    "restricted": "danger",
    "unknown": "danger",
}


def age_words(moment: datetime | None) -> str:
    """How long ago: seconds within the first two minutes, then in words."""
    if moment is None:
        return "never"
    seconds = (clock.now() - moment).total_seconds()
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{timesince(moment, clock.now())} ago"


class _MachineMade(AuditedAdmin):
    """Rows that the machine makes and of which people edit a field or two."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They come from settings and from the exchanges."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Switch it off instead: a deleted row would come back."""
        return False


class FeedInline(ReadOnlyInline):
    """The feeds of an exchange."""

    model = Feed
    fields = ("kind", "state", "reason", "since", "last_ok_at", "last_rows", "last_refused", "latency_ms")
    readonly_fields = fields


@admin.register(Exchange)
class ExchangeAdmin(_MachineMade):
    """Operators switch exchanges on and off."""

    list_display = ("id", "name", "enabled", "show_status", "status_reason", "clock_offset_ms", "markets_loaded_at")
    list_filter = ("enabled", "status")
    search_fields = ("id", "name", "status_reason")
    fields = (
        "id",
        "name",
        "enabled",
        "status",
        "status_reason",
        "clock_offset_ms",
        "markets_loaded_at",
        "market_version",
    )
    readonly_fields = tuple(name for name in fields if name != "enabled")
    inlines = (FeedInline,)

    @display("status", ordering="status", labels=STATE_COLOURS)
    def show_status(self, exchange: Exchange) -> tuple[str, str]:
        """The status as a coloured label."""
        return exchange.status, exchange.get_status_display()


@admin.register(Market)
class MarketAdmin(_MachineMade):
    """Operators may set a taker fee that the exchange does not tell, or tells wrongly."""

    list_display = ("symbol", "exchange", "type", "instrument", "taker_fee", "taker_fee_override", "active")
    list_filter = ("exchange", "type", "active", "fee_unknown", "quote")
    search_fields = ("symbol", "instrument", "base")
    list_select_related = ("exchange",)
    ordering = ("exchange_id", "symbol")
    editable = ("taker_fee_override",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """All but the override."""
        return [field.name for field in self.opts.fields if field.name not in self.editable]


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    """The status page: what each exchange's data is like, since when, and why."""

    list_display = ("exchange", "kind", "show_state", "reason", "show_age", "show_since", "last_rows", "last_refused")
    list_filter = ("state", "kind", "exchange")
    search_fields = ("exchange__id", "reason")
    list_select_related = ("exchange",)
    ordering = ("exchange_id", "kind")

    @display("state", ordering="state", labels=STATE_COLOURS)
    def show_state(self, feed: Feed) -> tuple[str, str]:
        """The state as a coloured label."""
        return feed.state, feed.get_state_display()

    @display("last good answer", ordering="last_ok_at")
    def show_age(self, feed: Feed) -> str:
        """Age of the last usable snapshot."""
        return age_words(feed.last_ok_at)

    @display("in this state since", ordering="since")
    def show_since(self, feed: Feed) -> str:
        """How long this state has lasted."""
        return age_words(feed.since)
