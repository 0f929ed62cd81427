"""Codes on their way to addresses; what they are, nobody sees."""

from django.contrib import admin

from apps.core.admin.base import ReadOnlyAdmin
from apps.notifications.models import EndpointCode


@admin.register(EndpointCode)
class EndpointCodeAdmin(ReadOnlyAdmin):
    """Whether a code was sent, tried and used."""

    list_display = ("user", "channel", "created_at", "tries", "used_at", "expires_at")
    list_filter = ("channel", ("used_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email",)
    list_select_related = ("user",)
    date_hierarchy = "created_at"
    fields = ("user", "endpoint", "channel", "created_at", "tries", "used_at", "expires_at")
