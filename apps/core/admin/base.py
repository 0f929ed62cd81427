"""What every admin page of the house has in common: audited writes, and pages for rows that only machines write."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold import decorators

from apps.core import audit
from apps.core.exceptions import PermanentError

# The theme is untyped, and its classes are Django's in other clothes.
if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline

Shown = TypeVar("Shown", bound=Callable[..., Any])


def display(
    description: str, *, ordering: str | None = None, labels: Mapping[str, str] | None = None
) -> Callable[[Shown], Shown]:
    """A computed column or field. With `labels` the method returns (value, words) and shows the words in the colour
    (info, success, warning, danger) that `labels` has for the value."""
    made = decorators.display(description=description, ordering=ordering, label=dict(labels) if labels else None)
    return cast(Callable[[Shown], Shown], made)


def target_of(obj: Model) -> str:
    """How an audit record names a row: `accounts.User:<key>`."""
    return f"{obj._meta.label}:{obj.pk}"


class HouseAdmin(ModelAdmin):
    """The look that all lists share."""

    list_per_page = 50
    # An exact count of the unfiltered table costs a scan for a number that nobody reads.
    show_full_result_count = False
    compressed_fields = True
    list_filter_submit = True

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form; what a service refuses is told on it, and nothing is stored."""
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except PermanentError as error:
            self.message_user(request, error.message, level=messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response


class AuditedAdmin(HouseAdmin):
    """Records who added, changed or deleted what. Only names of changed fields are kept, never their values."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Audit what Django's own history notes."""
        self.audit(request, "added", obj, {})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Audit what Django's own history notes, a changed password included."""
        self.audit(request, "changed", obj, _changed_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> Any:
        """Audit what Django's own history notes."""
        for obj in queryset:
            self.audit(request, "deleted", obj, {})
        return super().log_deletions(request, queryset)

    def audit(self, request: HttpRequest, verb: str, obj: Model, changes: Mapping[str, str]) -> None:
        """Record that the signed-in operator did `verb` to `obj`."""
        audit.record(
            actor_id=request.user.pk,
            action=f"admin.{verb}",
            target=target_of(obj),
            changes=dict(changes),
            request=request,
        )


class ReadOnlyAdmin(AuditedAdmin):
    """Rows that machines write: people look at them, and act on them only through named actions."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Retention deletes, not people."""
        return False


class ReadOnlyInline(TabularInline):
    """Rows under a row, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False
    hide_title = True
    ordering: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by hand."""
        return False


def table_html(head: Iterable[str], rows: Iterable[Iterable[object]]) -> SafeString:
    """A small table for a read-only field; every cell is escaped."""
    cell = '<td class="pr-6 py-1 align-top whitespace-nowrap">{}</td>'
    return format_html(
        '<div class="overflow-x-auto"><table class="text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", '<th class="pr-6 py-1 text-left font-semibold">{}</th>', ((name,) for name in head)),
        format_html_join("", "<tr>{}</tr>", ((format_html_join("", cell, ((c,) for c in row)),) for row in rows)),
    )


def percent(edge: Any) -> str:
    """A fraction of notional as people read it: `0.0012` is `0.1200 %` (unbreakable); nothing is a dash."""
    return "–" if edge is None else f"{edge * 100:.4f}\N{NO-BREAK SPACE}%"


def _changed_fields(message: list[dict[str, dict[str, Any]]]) -> dict[str, str]:
    names = [name for part in message for name in part.get("changed", {}).get("fields", ())]
    return dict.fromkeys(map(str, names), "changed")
