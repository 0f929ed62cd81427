"""Exchanges, and the status page of their feeds."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.core.admin.base import ReadOnlyAdmin, ReadOnlyInline, display
from apps.core.later import later
from apps.markets.admin.base import STATE_COLOURS, MachineMade, age_words
from apps.markets.enums import FeedState
from apps.markets.models import Exchange, Feed

if TYPE_CHECKING:
    from apps.markets import selectors, services
else:
    selectors = later("apps.markets.selectors")
    services = later("apps.markets.services")


class FeedInline(ReadOnlyInline):
    """The feeds of an exchange."""

    model = Feed
    fields = ("kind", "state", "reason", "since", "last_ok_at", "last_rows", "last_refused", "latency_ms")
    readonly_fields = fields


@admin.register(Exchange)
class ExchangeAdmin(MachineMade):
    """Operators switch exchanges on and off."""

    list_display = (
        "id", "enabled", "show_status", "show_feeds", "show_age", "show_latency", "show_breaker", "show_budget",
        "show_clock", "show_markets", "status_reason",
    )  # fmt: skip
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
        "show_transfers",
        "show_key",
    )
    readonly_fields = tuple(name for name in fields if name != "enabled")
    inlines = (FeedInline,)
    ordering = ("id",)

    def save_model(self, request: HttpRequest, obj: Exchange, form: ModelForm, change: bool) -> None:
        """Whoever saves an exchange that was unknown wants it to be tried again."""
        super().save_model(request, obj, form, change)
        services.exchange_retry(exchange=obj.id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        """With the feeds that the page sums up."""
        return super().get_queryset(request).prefetch_related("feeds")

    @display("status", ordering="status", labels=STATE_COLOURS)
    def show_status(self, exchange: Exchange) -> tuple[str, str]:
        """The status as a coloured label."""
        return exchange.status, exchange.get_status_display()

    @display("feeds", labels=STATE_COLOURS)
    def show_feeds(self, exchange: Exchange) -> tuple[str, str]:
        """The state of its worst feed, and how many are fine."""
        states = [feed.state for feed in exchange.feeds.all() if feed.state != FeedState.DISABLED]
        bad = [state for state in states if state != FeedState.OK]
        words = f"{len(states) - len(bad)} of {len(states)} ok" + (f", {FeedState(bad[0]).label}" if bad else "")
        return (bad or [FeedState.OK])[0], words

    @display("oldest data")
    def show_age(self, exchange: Exchange) -> str:
        """Age of the last good answer of the feed that waits longest for one."""
        moments = [feed.last_ok_at for feed in exchange.feeds.all() if feed.state != FeedState.DISABLED]
        known = [moment for moment in moments if moment is not None]
        return age_words(min(known)) if known and len(known) == len(moments) else "never"

    @display("latency")
    def show_latency(self, exchange: Exchange) -> str:
        """The slowest of its last answers."""
        latencies = [feed.latency_ms for feed in exchange.feeds.all() if feed.latency_ms is not None]
        return f"{max(latencies)} ms" if latencies else "–"

    @display("deposits and withdrawals")
    def show_transfers(self, exchange: Exchange) -> str:
        """How long ago they were read, or why they can't be."""
        return selectors.transfers_trouble(exchange) or f"read {age_words(exchange.transfers_checked_at)}"

    @display("market-data key")
    def show_key(self, exchange: Exchange) -> str:
        """Whether there is one, and whether the exchange takes it."""
        if selectors.key_of(exchange.id) is None:
            return "none"
        return selectors.key_trouble(exchange) or "in use"

    @display("breaker", labels={"closed": "success", "half_open": "warning", "open": "danger"})
    def show_breaker(self, exchange: Exchange) -> tuple[str, str]:
        """Whether calls are let through."""
        guards = selectors.guards_of(exchange.id)
        words = guards.breaker.replace("_", " ")
        return guards.breaker, f"{words}, {guards.retry_in_s:.0f} s" if guards.retry_in_s else words

    @display("request budget")
    def show_budget(self, exchange: Exchange) -> str:
        """How much of it is used in this moment's window."""
        used = selectors.guards_of(exchange.id).budget_used
        return "unknown" if used is None else f"{used:.0%} used"

    @display("clock", ordering="clock_offset_ms")
    def show_clock(self, exchange: Exchange) -> str:
        """Its clock against ours."""
        return f"{exchange.clock_offset_ms:+d} ms"

    @display("markets loaded", ordering="markets_loaded_at")
    def show_markets(self, exchange: Exchange) -> str:
        """How long ago its markets were read."""
        return age_words(exchange.markets_loaded_at)


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
