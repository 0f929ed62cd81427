"""When people want to be reached: read here, changed by themselves."""

from django.contrib import admin

from apps.core.admin.base import ReadOnlyAdmin
from apps.notifications.models import ReachPreferences


@admin.register(ReachPreferences)
class ReachPreferencesAdmin(ReadOnlyAdmin):
    """Answers "why did my message come only in the morning?"."""

    list_display = ("user", "quiet_from", "quiet_to", "quiet_policy", "critical_anyway", "digest", "digested_at")
    list_filter = ("quiet_policy", "digest")
    search_fields = ("user__email",)
    list_select_related = ("user",)
