"""Who was given which opportunity, and why not."""

from django.contrib import admin

from apps.core.admin.base import ReadOnlyAdmin, display
from apps.distribution.models import Distribution


@admin.register(Distribution)
class DistributionAdmin(ReadOnlyAdmin):
    """Answers "why did I not get this?"."""

    list_display = ("user", "kind", "show_state", "reason", "opportunity_id", "due_at", "decided_at")
    list_filter = ("state", "reason", "kind", "user__tier")
    search_fields = ("user__email", "opportunity_id", "fingerprint")
    date_hierarchy = "decided_at"
    list_select_related = ("user",)

    @display(
        "state",
        ordering="state",
        labels={"scheduled": "info", "notified": "success", "refused": "warning", "dropped": "danger"},
    )
    def show_state(self, distribution: Distribution) -> tuple[str, str]:
        """The state as a coloured label."""
        return distribution.state, distribution.get_state_display()
