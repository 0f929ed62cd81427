"""What was found, what it was computed from, and whether it was true."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, display, percent, table_html
from apps.core.later import later
from apps.opportunities.explain import history_picture, waterfall_picture
from apps.opportunities.models import (
    EdgePoint,
    Execution,
    Lifetime,
    Markout,
    Opportunity,
    OpportunityFeedback,
    Preferences,
    PreferencesVersion,
    Seen,
    TechnicalRule,
)

if TYPE_CHECKING:
    from apps.opportunities import evidence, selectors, services
    from apps.opportunities.technical import conditions
else:
    conditions = later("apps.opportunities.technical.conditions")
    evidence = later("apps.opportunities.evidence")
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")

STATUS_COLOURS = {
    "detected": "info",
    "active": "success",
    "expired": "warning",
    "closed": "warning",
    "dropped": "danger",
}
RISK_COLOURS = {"low": "success", "medium": "warning", "high": "danger"}
LEG_COLUMNS = ("exchange", "symbol", "side", "price", "amount", "contracts", "rate", "fee")
FINDING_COLUMNS = ("risk", "factor", "words")
CURVE_COLUMNS = ("size", "net_edge", "profit")
LIQUIDATION_COLUMNS = ("exchange", "symbol", "leverage", "price", "distance", "maintenance", "assumed")


def legs_table(legs: Sequence[Mapping[str, Any]]) -> SafeString:
    """Stored legs as a table; what is unknown is a dash."""
    rows = (tuple("–" if leg.get(name) is None else leg[name] for name in LEG_COLUMNS) for leg in legs)
    return table_html(LEG_COLUMNS, rows)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]] | None) -> SafeString | str:
    return table_html(columns, (tuple(row[name] for name in columns) for row in rows)) if rows else "–"


def _inline(picture: str | None) -> str:
    # Its maker escapes every word in it.
    return "–" if picture is None else SafeString(picture)


class MarkoutInline(ReadOnlyInline):
    """The net edge after the alert."""

    model = Markout
    fields = ("horizon_s", "due_at", "measured_at", "net_edge", "book_age_ms", "reason")
    readonly_fields = fields


class FeedbackInline(ReadOnlyInline):
    """What people did with it."""

    model = OpportunityFeedback
    fields = ("user", "state", "reason", "note", "given_at")
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
        ("Legs", {"fields": ("show_legs", "show_liquidation")}),
        ("Risk", {"fields": ("show_findings", "show_curve", "show_transfer")}),
        (
            "Edge",
            {
                "fields": (
                    "gross_edge",
                    "net_edge",
                    "show_recomputed",
                    "strength",
                    "rule",
                    "owner",
                    "peak_net_edge",
                    "net_apr",
                    "size",
                    "optimal_notional",
                    "max_notional",
                    "profit",
                    "max_participants",
                )
            },
        ),
        ("Costs and history", {"fields": ("show_waterfall", "show_history")}),
        (
            "Times",
            {"fields": ("opened_at", "activated_at", "priced_at", "last_seen_at", "expires_at", "closed_at")},
        ),
        ("Evidence", {"fields": ("details", "evidence", "fingerprint"), "classes": ("collapse",)}),
    )
    readonly_fields = (
        "show_legs",
        "show_liquidation",
        "show_findings",
        "show_curve",
        "show_transfer",
        "show_recomputed",
        "show_waterfall",
        "show_history",
    )
    inlines = (MarkoutInline, FeedbackInline)

    @display("legs")
    def show_exchanges(self, opportunity: Opportunity) -> str:
        """Side and exchange of each leg."""
        return " → ".join(f"{leg['side']} {leg['exchange']}" for leg in opportunity.legs)

    @display("legs")
    def show_legs(self, opportunity: Opportunity) -> SafeString:
        """The legs as a table."""
        return legs_table(opportunity.legs)

    @display("liquidation")
    def show_liquidation(self, opportunity: Opportunity) -> SafeString | str:
        """Where perpetual legs are liquidated at the configured leverage."""
        return _table(LIQUIDATION_COLUMNS, opportunity.details.get("liquidation"))

    @display("reasons")
    def show_findings(self, opportunity: Opportunity) -> SafeString | str:
        """Why the risk is what it is, worst first."""
        return _table(FINDING_COLUMNS, opportunity.details.get("risk"))

    @display("profit over size")
    def show_curve(self, opportunity: Opportunity) -> SafeString | str:
        """Dollars, net edge and profit up to the break-even size, or to the end of the shorter book."""
        return _table(CURVE_COLUMNS, opportunity.details.get("depth", {}).get("curve"))

    @display("after transfers")
    def show_transfer(self, opportunity: Opportunity) -> str:
        """The net edge after putting the stock of both exchanges back, or why it is not known."""
        transfer = opportunity.details.get("transfer")
        if transfer is None:
            return "–"
        return str(opportunity.details["net_after_transfer"] or transfer["reason"])

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
        """Computed now, from the evidence alone; before it is priced there is none, and never of a signal."""
        if opportunity.net_edge is None:
            return "–"
        try:
            return str(evidence.recompute(opportunity.evidence)) if opportunity.evidence else "–"
        except evidence.EvidenceUnreadable as error:
            return error.message

    @display("costs")
    def show_waterfall(self, opportunity: Opportunity) -> str:
        """From gross to net as a picture; before it is priced there is none."""
        return _inline(waterfall_picture(opportunity))

    @display("net edge over time")
    def show_history(self, opportunity: Opportunity) -> str:
        """How the net edge went as a picture; a week after it there is none."""
        return _inline(history_picture(opportunity, selectors.edge_points(opportunity)))

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


@admin.register(OpportunityFeedback)
class OpportunityFeedbackAdmin(ReadOnlyAdmin):
    """What people did with what they were told."""

    list_display = ("given_at", "user", "opportunity", "state", "reason", "note")
    list_filter = ("state", "reason", "opportunity__kind", "user__tier")
    search_fields = ("user__email", "opportunity__symbol", "opportunity__id", "note")
    date_hierarchy = "given_at"
    list_select_related = ("user", "opportunity")


@admin.register(EdgePoint)
class EdgePointAdmin(ReadOnlyAdmin):
    """How net edges went."""

    list_display = ("at", "opportunity", "show_net", "size")
    list_filter = ("opportunity__kind", "opportunity__status")
    search_fields = ("opportunity__symbol", "opportunity__id")
    date_hierarchy = "at"
    list_select_related = ("opportunity",)

    @display("net edge", ordering="net_edge")
    def show_net(self, point: EdgePoint) -> str:
        """In percent."""
        return percent(point.net_edge)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """What people took, on paper."""

    list_display = ("executed_at", "user", "symbol", "kind", "mode", "size", "show_net", "show_profit", "origin")
    list_filter = ("mode", "kind", "origin", "user__tier")
    search_fields = ("user__email", "symbol", "id", "opportunity__id")
    date_hierarchy = "executed_at"
    list_select_related = ("user",)
    exclude = ("legs",)
    readonly_fields = ("show_legs",)

    @display("net edge", ordering="net_edge")
    def show_net(self, execution: Execution) -> str:
        """In percent."""
        return percent(execution.net_edge)

    @display("profit", ordering="profit")
    def show_profit(self, execution: Execution) -> str:
        """In the quote currency."""
        return f"{execution.profit:,.4f}\N{NO-BREAK SPACE}{execution.quote}"

    @display("legs")
    def show_legs(self, execution: Execution) -> SafeString:
        """The fills as a table."""
        return legs_table(execution.legs)


@admin.register(Preferences)
class PreferencesAdmin(ReadOnlyAdmin):
    """What people want to see and how they trade; they say it themselves."""

    list_display = (
        "user",
        "max_risk",
        "min_net_edge",
        "kinds",
        "categories",
        "exchanges",
        "focus",
        "automation",
        "updated_at",
    )
    list_filter = ("max_risk", "focus", "automation", "experience", "own_exchanges_only", "user__tier")
    search_fields = ("user__email",)
    date_hierarchy = "updated_at"
    list_select_related = ("user",)


@admin.register(PreferencesVersion)
class PreferencesVersionAdmin(ReadOnlyAdmin):
    """What people's preferences were; they go back by themselves."""

    list_display = ("user", "number", "reason", "changed_by", "at")
    list_filter = ("user__tier",)
    search_fields = ("user__email",)
    date_hierarchy = "at"
    list_select_related = ("user", "changed_by")


@admin.register(Seen)
class SeenAdmin(ReadOnlyAdmin):
    """What people with a daily quota have seen: answers "why is my list so short?"."""

    list_display = ("user", "family", "opportunity_id", "day", "seen_at")
    list_filter = ("family", "user__tier")
    search_fields = ("user__email", "opportunity_id")
    date_hierarchy = "day"
    list_select_related = ("user",)


class TechnicalRuleForm(forms.ModelForm):
    """Conditions are checked as the API checks them."""

    class Meta:
        model = TechnicalRule
        fields = ("name", "side", "conditions", "exchanges", "symbols", "is_enabled")

    def clean_conditions(self) -> Any:
        """Refuse what could not be judged, naming the place."""
        try:
            conditions.conditions_parse(self.cleaned_data["conditions"])
        except conditions.ConditionsInvalid as error:
            raise forms.ValidationError(error.message, code=error.code) from error
        return self.cleaned_data["conditions"]

    def clean_exchanges(self) -> Any:
        """Only those that are read."""
        names = _names(self.cleaned_data["exchanges"])
        unknown = sorted(set(names) - set(settings.EXCHANGES))
        if unknown:
            raise forms.ValidationError(f"Not read here: {', '.join(unknown)}.", code="invalid")
        return names

    def clean_symbols(self) -> Any:
        """A list of names."""
        return _names(self.cleaned_data["symbols"])


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise forms.ValidationError('Use a list of names: ["BTC/USDT"].', code="invalid")
    return value


@admin.register(TechnicalRule)
class TechnicalRuleAdmin(AuditedAdmin):
    """What makes a technical signal: the house's rules, and people's own."""

    form = TechnicalRuleForm
    list_display = ("name", "side", "is_enabled", "owner", "shipped", "show_open", "updated_at")
    list_filter = ("is_enabled", "side", ("owner", admin.EmptyFieldListFilter))
    search_fields = ("name", "owner__email")
    date_hierarchy = "updated_at"
    list_select_related = ("owner",)
    readonly_fields = ("owner", "shipped", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TechnicalRule]:
        """With how many signals each has open."""
        rules: QuerySet[TechnicalRule] = super().get_queryset(request)
        return rules.annotate(open_signals=Count("opportunities", filter=Q(opportunities__status="active")))

    @display("open signals", ordering="open_signals")
    def show_open(self, rule: Any) -> int:
        """Signals that it has open now."""
        return int(rule.open_signals)

    def save_model(self, request: HttpRequest, obj: TechnicalRule, form: Any, change: bool) -> None:
        """By the service: the next run judges it anew."""
        services.rule_save(rule=obj, now=clock.now())


@admin.register(Lifetime)
class LifetimeAdmin(ReadOnlyAdmin):
    """How long edges of each kind and instrument lasted, and what became of them."""

    list_display = (
        "instrument",
        "kind",
        "episodes",
        "running",
        "half_life_s",
        "longest_s",
        "show_net",
        "show_peak",
        "measured",
        "show_kept",
        "viewed",
        "executed",
        "ignored",
        "last_at",
        "origin",
    )
    list_filter = ("kind", "origin")
    search_fields = ("instrument",)
    date_hierarchy = "last_at"
    ordering = ("-episodes",)

    @display("net edge", ordering="net_edge")
    def show_net(self, lifetime: Lifetime) -> str:
        """The mean, in percent."""
        return percent(lifetime.net_edge)

    @display("peak", ordering="peak_net_edge")
    def show_peak(self, lifetime: Lifetime) -> str:
        """The mean of the highest edges, in percent."""
        return percent(lifetime.peak_net_edge)

    @display("kept", ordering="kept_share")
    def show_kept(self, lifetime: Lifetime) -> str:
        """The part of measured alerts that still had an edge 30 s later."""
        return "–" if lifetime.kept_share is None else f"{lifetime.kept_share:.0%}"
