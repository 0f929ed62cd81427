"""What was found, what it was computed from, and whether it was true."""

from django.contrib import admin
from django.utils.safestring import SafeString

from apps.core.admin.base import ReadOnlyAdmin, ReadOnlyInline, display, percent, table_html
from apps.opportunities.evidence import EvidenceUnreadable, recompute
from apps.opportunities.models import Markout, Opportunity

STATUS_COLOURS = {
    "detected": "info",
    "active": "success",
    "expired": "warning",
    "closed": "warning",
    "dropped": "danger",
}
RISK_COLOURS = {"low": "success", "medium": "warning", "high": "danger"}
LEG_COLUMNS = ("exchange", "symbol", "side", "price", "amount", "rate", "fee")


class MarkoutInline(ReadOnlyInline):
    """The net edge after the alert."""

    model = Markout
    fields = ("horizon_s", "due_at", "measured_at", "net_edge", "book_age_ms", "reason")
    readonly_fields = fields


@admin.register(Opportunity)
class OpportunityAdmin(ReadOnlyAdmin):
    """Every episode, open or over."""

    list_display = (
        "opened_at",
        "symbol",
        "kind",
        "show_exchanges",
        "show_net",
        "show_gross",
        "show_size",
        "show_profit",
        "show_risk",
        "show_status",
        "origin",
    )
    list_filter = ("status", "kind", "risk", "origin", "context", "reason")
    search_fields = ("symbol", "instrument", "id", "fingerprint")
    date_hierarchy = "opened_at"
    ordering = ("-opened_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "kind",
                    "instrument",
                    "symbol",
                    "quote",
                    "status",
                    "reason",
                    "risk",
                    "confidence",
                    "score",
                    "origin",
                    "context",
                )
            },
        ),
        ("Legs", {"fields": ("show_legs",)}),
        (
            "Edge",
            {
                "fields": (
                    "gross_edge",
                    "net_edge",
                    "show_recomputed",
                    "peak_net_edge",
                    "net_apr",
                    "size",
                    "optimal_notional",
                    "max_notional",
                    "profit",
                )
            },
        ),
        (
            "Times",
            {"fields": ("opened_at", "activated_at", "priced_at", "last_seen_at", "expires_at", "closed_at")},
        ),
        ("Evidence", {"fields": ("details", "evidence", "fingerprint"), "classes": ("collapse",)}),
    )
    readonly_fields = ("show_legs", "show_recomputed")
    inlines = (MarkoutInline,)

    @display("legs")
    def show_exchanges(self, opportunity: Opportunity) -> str:
        """Side and exchange of each leg."""
        return " → ".join(f"{leg['side']} {leg['exchange']}" for leg in opportunity.legs)

    @display("legs")
    def show_legs(self, opportunity: Opportunity) -> SafeString:
        """The legs as a table."""
        rows = (tuple("–" if leg.get(name) is None else leg[name] for name in LEG_COLUMNS) for leg in opportunity.legs)
        return table_html(LEG_COLUMNS, rows)

    @display("net edge", ordering="net_edge")
    def show_net(self, opportunity: Opportunity) -> str:
        """In percent."""
        return percent(opportunity.net_edge)

    @display("gross edge", ordering="gross_edge")
    def show_gross(self, opportunity: Opportunity) -> str:
        """In percent."""
        return percent(opportunity.gross_edge)

    @display("size", ordering="size")
    def show_size(self, opportunity: Opportunity) -> str:
        """In whole dollars."""
        return f"{opportunity.size:,.0f}\N{NO-BREAK SPACE}USD"

    @display("profit", ordering="profit")
    def show_profit(self, opportunity: Opportunity) -> str:
        """In the quote currency."""
        return f"{opportunity.profit:,.4f}\N{NO-BREAK SPACE}{opportunity.quote}"

    @display("net edge from evidence")
    def show_recomputed(self, opportunity: Opportunity) -> str:
        """Computed now, from the evidence alone; before it is priced there is none."""
        try:
            return str(recompute(opportunity.evidence)) if opportunity.evidence else "–"
        except EvidenceUnreadable as error:
            return error.message

    @display("risk", ordering="risk", labels=RISK_COLOURS)
    def show_risk(self, opportunity: Opportunity) -> tuple[str, str]:
        """The risk as a coloured label."""
        return opportunity.risk, opportunity.get_risk_display()

    @display("status", ordering="status", labels=STATUS_COLOURS)
    def show_status(self, opportunity: Opportunity) -> tuple[str, str]:
        """The status as a coloured label."""
        return opportunity.status, opportunity.get_status_display()


@admin.register(Markout)
class MarkoutAdmin(ReadOnlyAdmin):
    """Is what we send true? The net edge some seconds after each alert."""

    list_display = ("opportunity", "horizon_s", "due_at", "measured_at", "show_net", "book_age_ms", "reason")
    list_filter = ("horizon_s", ("measured_at", admin.EmptyFieldListFilter), "reason", "opportunity__kind")
    search_fields = ("opportunity__symbol", "opportunity__id")
    date_hierarchy = "due_at"
    list_select_related = ("opportunity",)

    @display("net edge", ordering="net_edge")
    def show_net(self, markout: Markout) -> str:
        """In percent."""
        return percent(markout.net_edge)
