"""Fee rules."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.core.admin.base import AuditedAdmin, display, percent
from apps.core.later import later
from apps.markets.models import FeeRule

if TYPE_CHECKING:
    from apps.markets import services
else:
    services = later("apps.markets.services")


@admin.register(FeeRule)
class FeeRuleAdmin(AuditedAdmin):
    """Operators say what an exchange tells wrongly or not at all; the most specific rule counts, and at once."""

    list_display = ("exchange", "market", "market_type", "tier", "show_taker", "show_maker", "note")
    list_filter = ("exchange", "market_type", "fee_free", "tier")
    search_fields = ("exchange__id", "market__symbol", "tier", "note")
    list_select_related = ("exchange", "market")
    autocomplete_fields = ("exchange", "market")
    fieldsets = (
        ("About", {"fields": ("exchange", "market_type", "market", "tier")}),
        (
            "Fees",
            {
                "fields": ("taker", "maker", "fee_free", "note"),
                "description": "As fractions: 0.001 is 0.1 %. Neither a taker fee nor fee free means that the fee is "
                "unknown, and that no pair is made with such a market.",
            },
        ),
    )

    @display("taker", ordering="taker")
    def show_taker(self, rule: FeeRule) -> str:
        """The taker fee in words."""
        return "free" if rule.fee_free else _words(rule.taker)

    @display("maker", ordering="maker")
    def show_maker(self, rule: FeeRule) -> str:
        """The maker fee in words."""
        return "free" if rule.fee_free else _words(rule.maker)

    def save_model(self, request: HttpRequest, obj: FeeRule, form: ModelForm, change: bool) -> None:
        """By the service: the rule counts at once."""
        services.fee_rule_save(rule=obj)

    def delete_model(self, request: HttpRequest, obj: FeeRule) -> None:
        """By the service: what is left counts at once."""
        services.fee_rules_delete(rules=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FeeRule]) -> None:
        """Likewise."""
        services.fee_rules_delete(rules=queryset)


def _words(fee: Decimal | None) -> str:
    return "unknown" if fee is None else percent(fee)
