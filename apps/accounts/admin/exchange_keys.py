"""People's exchange keys in the admin: where they stand, never what is in them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import ExchangeKey
from apps.core.admin.base import ReadOnlyAdmin, display


@admin.register(ExchangeKey)
class ExchangeKeyAdmin(ReadOnlyAdmin):
    """Nothing here opens a key, and nothing of one is loaded."""

    list_display = ("user", "exchange", "label", "shown", "show_state", "rights", "code", "checked_at", "removed_at")
    list_filter = ("state", "rights", "exchange", ("removed_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "label")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    fields = (
        "id", "user", "exchange", "label", "shown", "state", "rights", "code", "reason", "failures", "created_at",
        "checked_at", "next_check_at", "removed_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeKey]:
        """Without what is sealed."""
        return super().get_queryset(request).defer("sealed", "digest")

    @display("state", ordering="state", labels={"valid": "success", "refused": "danger", "unreachable": "warning"})
    def show_state(self, row: ExchangeKey) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.state, row.get_state_display()
