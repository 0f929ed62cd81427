"""Who was given which opportunity, and why not; the groups that may be told."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, display, table_html
from apps.core.later import later
from apps.distribution.enums import Reason
from apps.distribution.models import AlertFired, AlertTrigger, Distribution, Group

if TYPE_CHECKING:
    from apps.distribution import rules, statistics
else:
    rules = later("apps.distribution.rules")
    statistics = later("apps.distribution.statistics")


def statistics_table(found: dict[str, Any]) -> SafeString:
    """Statistics as a table of one figure a row."""
    rows: list[tuple[object, object]] = [(name, found[name]) for name in ("told", "scheduled", "dropped")]
    rows += [(f"refused: {reason}", n) for reason, n in found["refused"].items()]
    rows += [(f"messages {state}", n) for state, n in found["messages"].items()]
    for name, words in (("told_after", "told after"), ("delivered_after", "delivered after")):
        spread = found[name]
        if spread["p50"] is not None:
            rows.append((words, f"{spread['p50']} s median, {spread['p95']} s p95, {spread['max']} s at most"))
    return table_html(("", f"as of {found['as_of']}"), rows)


@admin.register(Distribution)
class DistributionAdmin(ReadOnlyAdmin):
    """Answers "why did I not get this?"."""

    list_display = ("user", "group", "kind", "show_state", "reason", "opportunity_id", "due_at", "decided_at")
    list_filter = ("state", "reason", "kind", "user__tier", ("group", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "opportunity_id", "fingerprint")
    date_hierarchy = "decided_at"
    list_select_related = ("user", "group")
    readonly_fields = ("show_words", "show_opportunity", "show_user")

    @display(
        "state",
        ordering="state",
        labels={"scheduled": "info", "notified": "success", "refused": "warning", "dropped": "danger"},
    )
    def show_state(self, distribution: Distribution) -> tuple[str, str]:
        """The state as a coloured label."""
        return distribution.state, distribution.get_state_display()

    @display("why")
    def show_words(self, distribution: Distribution) -> str:
        """The reason as a sentence."""
        return rules.WORDS[Reason(distribution.reason)] if distribution.reason else "–"

    @display("this opportunity, everybody")
    def show_opportunity(self, distribution: Distribution) -> SafeString:
        """What became of the opportunity."""
        return statistics_table(
            statistics.statistics_of_opportunity(opportunity_id=distribution.opportunity_id, now=clock.now())
        )

    @display("this recipient, 7 days")
    def show_user(self, distribution: Distribution) -> SafeString:
        """What became of everything that was decided about the person or the group."""
        return statistics_table(
            statistics.statistics_of_recipient(recipient_id=distribution.recipient_id, days=7, now=clock.now())
        )


@admin.register(Group)
class GroupAdmin(AuditedAdmin):
    """Operators see who registered what, and switch groups off; registering is the owners'."""

    list_display = ("name", "owner", "show_channel", "active", "show_usable", "kinds", "min_net_edge", "created_at")
    list_filter = ("active", "endpoint__channel", "owner__tier")
    search_fields = ("name", "owner__email")
    date_hierarchy = "created_at"
    list_select_related = ("owner", "endpoint")
    fields = ("name", "owner", "endpoint", "kinds", "min_net_edge", "min_strength", "active", "created_at", "show_week")
    readonly_fields = tuple(field for field in fields if field != "active")

    @display("channel", ordering="endpoint__channel")
    def show_channel(self, group: Group) -> str:
        """Where it is."""
        return group.endpoint.channel

    @display("confirmed", labels={"yes": "success", "no": "warning"})
    def show_usable(self, group: Group) -> tuple[str, str]:
        """Whether messages may go there."""
        usable = "yes" if group.endpoint.usable else "no"
        return usable, usable

    @display("7 days")
    def show_week(self, group: Group) -> SafeString:
        """What it was told, and why not more."""
        return statistics_table(
            statistics.statistics_of_recipient(recipient_id=group.endpoint_id, days=7, now=clock.now())
        )

    def has_add_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A group proves itself with the code that is sent there."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Switch it off instead."""
        return False


@admin.register(AlertTrigger)
class AlertTriggerAdmin(AuditedAdmin):
    """Operators see what is asked for, and switch triggers off; asking is the owners'."""

    list_display = (
        "user",
        "name",
        "kind",
        "exchange",
        "enabled",
        "fired",
        "last_fired_at",
        "refused",
        "refused_reason",
    )
    list_filter = ("enabled", "kind", "exchange", "refused_reason", "user__tier")
    search_fields = ("user__email", "name")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    fields = (
        "user", "name", "kind", "params", "cool_down_s", "per_hour", "repeat", "enabled", "standing", "rests_until",
        "fired", "last_fired_at", "refused", "refused_reason", "refused_at", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = tuple(field for field in fields if field != "enabled")

    def has_add_permission(self, request: HttpRequest, obj: AlertTrigger | None = None) -> bool:
        """People ask for themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AlertTrigger | None = None) -> bool:
        """Switch it off instead."""
        return False


@admin.register(AlertFired)
class AlertFiredAdmin(ReadOnlyAdmin):
    """What was said, with its evidence."""

    list_display = ("fired_at", "user", "kind", "name", "title", "origin")
    list_filter = ("kind", "origin")
    search_fields = ("user__email", "title", "subject")
    date_hierarchy = "fired_at"
    list_select_related = ("user",)
