"""What operators know of names, and what waits for their decision."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.core import clock
from apps.core.admin.base import AuditedAdmin, display
from apps.core.later import later
from apps.markets.admin.base import MachineMade, age_words
from apps.markets.enums import QuarantineState
from apps.markets.models import DeniedBase, InstrumentAlias, Quarantine

if TYPE_CHECKING:
    from apps.markets import services
else:
    services = later("apps.markets.services")

STATE_COLOURS: dict[str, str] = {
    QuarantineState.PENDING: "danger",
    QuarantineState.SAME: "success",
    QuarantineState.DIFFERENT: "info",
}


class NameRuleAdmin(AuditedAdmin):
    """Rules about names; a change rings the sync of the exchanges that it is about."""

    list_select_related = ("exchange",)
    autocomplete_fields = ("exchange",)

    def save_model(
        self, request: HttpRequest, obj: InstrumentAlias | DeniedBase, form: ModelForm, change: bool
    ) -> None:
        """By the service: it counts as soon as the exchange's markets are loaded anew, which is rung for."""
        services.name_rule_save(rule=obj)

    def delete_model(self, request: HttpRequest, obj: InstrumentAlias | DeniedBase) -> None:
        """Likewise."""
        services.name_rules_delete(rules=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[InstrumentAlias | DeniedBase]) -> None:
        """Likewise."""
        services.name_rules_delete(rules=queryset)


@admin.register(InstrumentAlias)
class InstrumentAliasAdmin(NameRuleAdmin):
    """Which asset a listed base is, where its name says otherwise."""

    list_display = ("base", "exchange", "instrument", "multiplier", "note")
    list_filter = ("exchange",)
    search_fields = ("base", "instrument", "exchange__id", "note")
    fieldsets = (
        ("Name", {"fields": ("exchange", "base")}),
        (
            "Asset",
            {
                "fields": ("instrument", "multiplier", "note"),
                "description": "Markets of equal assets are compared across exchanges. An asset of its own gets a name "
                "of its own, like GTC@gate. An alias also keeps a base that looks like a leveraged token or a stock.",
            },
        ),
    )


@admin.register(DeniedBase)
class DeniedBaseAdmin(NameRuleAdmin):
    """Bases whose markets are left out."""

    list_display = ("base", "exchange", "reason")
    list_filter = ("exchange",)
    search_fields = ("base", "exchange__id", "reason")
    fields = ("exchange", "base", "reason")


@admin.register(Quarantine)
class QuarantineAdmin(MachineMade):
    """Markets priced so differently from their namesakes that they can't be the same asset, or one price is wrong."""

    list_display = ("market", "show_state", "show_ratio", "compared_with", "show_since", "decided_by", "note")
    list_filter = ("state", "market__exchange")
    search_fields = ("market__symbol", "market__instrument", "market__exchange__id", "compared_with", "note")
    list_select_related = ("market__exchange",)
    fields = ("market", "state", "ratio", "compared_with", "since", "decided_at", "decided_by", "note")
    readonly_fields = tuple(name for name in fields if name != "note")
    actions = ("same_asset", "another_asset")

    @display("state", ordering="state", labels=STATE_COLOURS)
    def show_state(self, row: Quarantine) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.state, row.get_state_display()

    @display("price over that of the others", ordering="ratio")
    def show_ratio(self, row: Quarantine) -> str:
        """In four digits."""
        return f"{row.ratio:.4g}"

    @display("since", ordering="since")
    def show_since(self, row: Quarantine) -> str:
        """How long it has been there."""
        return age_words(row.since)

    @admin.action(description="The same asset: release it for good", permissions=["change"])
    def same_asset(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        """Its price is what it is; strategies have a limit of their own."""
        self._decide(request, queryset, QuarantineState.SAME)

    @admin.action(description="Another asset: give it a name of its own", permissions=["change"])
    def another_asset(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        """By an alias, which counts at once."""
        self._decide(request, queryset, QuarantineState.DIFFERENT)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Quarantine], state: QuarantineState) -> None:
        rows: list[Model] = list(queryset)
        try:
            count = services.quarantine_decide(
                market_ids=list(queryset.values_list("market_id", flat=True)),
                state=state,
                by=request.user.get_username(),
                now=clock.now(),
            )
        except ValidationError as error:
            messages.error(request, f"Nothing was decided: {' '.join(error.messages)}")
            return
        for row in rows:
            self.audit(request, "decided", row, {"state": str(state)})
        messages.success(request, f"{count} decided: {state.label}.")
