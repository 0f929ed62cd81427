"""What became of deliveries, as rows and as charts."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action

from apps.core import clock
from apps.core.admin.base import ReadOnlyAdmin, display
from apps.core.later import later
from apps.notifications.models import DeliveryStatistic, StatisticsHour

if TYPE_CHECKING:
    from apps.notifications.statistics import charts as made
else:
    made = later("apps.notifications.statistics.charts")


@admin.register(DeliveryStatistic)
class DeliveryStatisticAdmin(ReadOnlyAdmin):
    """Hours and days, by channel, provider and template; percentiles stand in the charts and in the API."""

    list_display = (
        "hour", "hours", "channel", "provider", "template", "show_rate", "delivered", "failed", "dead", "expired",
        "attempts", "show_mean",
    )  # fmt: skip
    list_filter = ("hours", "channel", "template")
    search_fields = ("channel", "provider", "template")
    date_hierarchy = "hour"
    actions_list: ClassVar[tuple[str, ...]] = ("charts",)

    @display("success")
    def show_rate(self, row: DeliveryStatistic) -> str:
        """Delivered of what ended."""
        ended = row.delivered + row.failed + row.dead + row.expired
        return f"{100 * row.delivered / ended:.2f}\N{NO-BREAK SPACE}%" if ended else "–"

    @display("mean latency")
    def show_mean(self, row: DeliveryStatistic) -> str:
        """From when it was due to its delivery."""
        exact = row.latency
        return f"{exact['sum_us'] / exact['count'] / 1e6:.3f}\N{NO-BREAK SPACE}s" if exact else "–"

    @action(description="Charts", url_path="charts", permissions=["view"], icon="bar_chart")  # type: ignore[untyped-decorator]
    def charts(self, request: HttpRequest) -> HttpResponse:
        """Success, tries, latency and trouble over the last day, week, month or quarter."""
        page = made.page(request.GET.dict(), now=clock.now())
        context = self.admin_site.each_context(request) | {"title": "Delivery statistics", "page": page}
        return TemplateResponse(request, "notifications/statistics.html", context)


@admin.register(StatisticsHour)
class StatisticsHourAdmin(ReadOnlyAdmin):
    """Which hours were counted, and when."""

    list_display = ("hour", "rolled_at", "took_s", "final_at")
    search_fields = ("hour",)
    date_hierarchy = "hour"
