"""Rows that core's machinery writes: the audit trail, idempotency keys, schedule slots."""

from django.contrib import admin

from apps.core import clock
from apps.core.admin.base import ReadOnlyAdmin, display
from apps.core.models import AuditAnchor, AuditRecord, IdempotencyKey, ScheduleSlot


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Who did what, when and from where."""

    list_display = ("at", "action", "target", "actor_id", "address", "position")
    list_filter = ("action", "at")
    search_fields = ("actor_id", "action", "target", "address", "request_id")
    date_hierarchy = "at"


@admin.register(AuditAnchor)
class AuditAnchorAdmin(ReadOnlyAdmin):
    """Where the audit chain begins after its older part was deleted."""

    list_display = ("position", "digest", "made_at")
    search_fields = ("digest",)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Writes that were already answered; the stored answer is its caller's alone and not shown."""

    list_display = ("scope", "key", "status", "created_at", "expires_at")
    list_filter = ("scope", "status")
    search_fields = ("scope", "key")
    date_hierarchy = "created_at"
    fields = ("scope", "key", "status", "created_at", "expires_at")


@admin.register(ScheduleSlot)
class ScheduleSlotAdmin(ReadOnlyAdmin):
    """The newest run of each schedule that a worker claimed."""

    list_display = ("name", "show_slot", "claimed_at")
    search_fields = ("name",)
    fields = ("name", "show_slot", "claimed_at")

    @display("slot", ordering="last_slot")
    def show_slot(self, slot: ScheduleSlot) -> str:
        """Start of the slot as a time."""
        return clock.from_ms(slot.last_slot).strftime("%Y-%m-%d %H:%M:%S UTC")
