"""Dead letters: what exchanges answered that could not be used."""

import zlib
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core import queue
from apps.core.admin.base import ReadOnlyAdmin, display
from apps.core.later import later
from apps.markets.admin.base import age_words
from apps.markets.models import DeadLetter

if TYPE_CHECKING:
    from apps.markets import services
else:
    services = later("apps.markets.services")

# So much of a body is shown; the whole of it is what is read again.
SHOWN = 4000
STATE_COLOURS = {"open": "warning", "replayed": "success", "dismissed": "info"}


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Operators look at what came, have it read again, or close it."""

    list_display = (
        "exchange",
        "kind",
        "trouble",
        "show_state",
        "reason",
        "count",
        "show_last",
        "body_bytes",
        "outcome",
    )
    list_filter = ("state", "trouble", "kind", "exchange")
    search_fields = ("exchange__id", "reason", "trouble", "outcome")
    list_select_related = ("exchange",)
    actions = ("replay", "dismiss")
    fields = (
        "exchange", "kind", "trouble", "reason", "state", "count", "first_at", "last_at", "outcome", "body_bytes",
        "show_body",
    )  # fmt: skip
    readonly_fields = fields

    @display("state", ordering="state", labels=STATE_COLOURS)
    def show_state(self, letter: DeadLetter) -> tuple[str, str]:
        """The state as a coloured label."""
        return letter.state, letter.get_state_display()

    @display("last came", ordering="last_at")
    def show_last(self, letter: DeadLetter) -> str:
        """How long ago it came last."""
        return age_words(letter.last_at)

    @display("what came (beginning)")
    def show_body(self, letter: DeadLetter) -> str:
        """The beginning of the body, as it came."""
        if not letter.body:
            return "not kept: nothing came over the wire, or it was too large"
        return zlib.decompressobj().decompress(bytes(letter.body), SHOWN).decode(errors="replace")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may change letters by Django's permissions, though no form lets them."""
        return request.user.has_perm("markets.change_deadletter")

    @admin.action(description="Read again with today's code and markets", permissions=["decide"])
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """Ring a market worker for each: only there is an exchange's library loaded."""
        letters = list(queryset.values_list("id", flat=True))
        for letter_id in letters:
            queue.ring("apps.markets.tasks.replay_letter", key=str(letter_id), kwargs={"letter_id": letter_id})
        messages.info(request, f"{len(letters)} on their way to a market worker; the outcome appears here.")

    @admin.action(description="Dismiss", permissions=["decide"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        """Close them; the same trouble opens a new letter when it comes again."""
        for letter_id in queryset.values_list("id", flat=True):
            services.letter_dismiss(letter_id=letter_id)
