"""Operators' own ways to run deliveries."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin.base import AuditedAdmin
from apps.core.later import later
from apps.notifications.models import DeliveryProfile

if TYPE_CHECKING:
    from apps.notifications import services
else:
    services = later("apps.notifications.services")


@admin.register(DeliveryProfile)
class DeliveryProfileAdmin(AuditedAdmin):
    """Profiles beside the shipped ones; the one in force stands in the configuration (`notifications.profile`)."""

    list_display = ("name", "batch", "concurrency", "timeout_s", "attempts", "statistics_days")
    fields = list_display
    search_fields = ("name",)
    actions = ("use",)

    def get_readonly_fields(self, request: HttpRequest, obj: DeliveryProfile | None = None) -> tuple[str, ...]:
        """Another name would be another profile."""
        return () if obj is None else ("name",)

    @admin.action(description="Run deliveries by this profile", permissions=["change"])
    def use(self, request: HttpRequest, queryset: QuerySet[DeliveryProfile]) -> None:
        """Put the selected profile in force."""
        names = [row.name for row in queryset]
        if len(names) != 1:
            self.message_user(request, "Select one profile.", level=messages.WARNING)
            return
        services.profile_use(name=names[0], actor_id=request.user.pk)
        self.message_user(request, f"Deliveries run by {names[0]} from now on.", level=messages.SUCCESS)
