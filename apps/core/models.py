"""Rows that every room needs: runtime configuration, the audit trail, idempotency keys, schedule slots."""

from typing import Any, NoReturn

from django.db import models

from apps.core.exceptions import PermanentError


class ConfigValue(models.Model):
    """An operator's value for a key declared in code; without a row the declared default holds."""

    key = models.CharField(max_length=120, primary_key=True)
    # Null where the declaration takes None for "no limit".
    value = models.JSONField(null=True, blank=True)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class AppendOnlyQuerySet(models.QuerySet[models.Model]):
    """Reads and inserts only."""

    def update(self, **_values: Any) -> NoReturn:
        raise _append_only()

    def bulk_update(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _append_only()

    def delete(self) -> NoReturn:
        raise _append_only()


class AuditRecord(models.Model):
    """Who did what to which thing, when and from where; written once, never changed or deleted by the application."""

    at = models.DateTimeField(db_index=True)
    actor_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    action = models.CharField(max_length=80, db_index=True)
    target = models.CharField(max_length=200, db_index=True)
    changes = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=200, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    # The place in the chain and the digest there (apps.core.audit_chain): null and empty until right after the commit.
    position = models.PositiveBigIntegerField(null=True, blank=True, unique=True, editable=False)
    digest = models.CharField(max_length=64, blank=True, default="", editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(position__isnull=True), name="core_audit_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise _append_only()
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _append_only()


class AuditAnchor(models.Model):
    """The last link of the audit chain that retention deleted: there the chain begins now."""

    position = models.PositiveBigIntegerField(primary_key=True)
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-position"]

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


class IdempotencyKey(models.Model):
    """The answer already given to a write, so that the same request again gets the same answer."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="core_idempotency_scope_key")]

    def __str__(self) -> str:
        return f"{self.scope}:{self.key}"


class ScheduleSlot(models.Model):
    """The newest slot of a schedule that somebody has claimed; `last_slot` is the slot's start in Unix milliseconds."""

    name = models.CharField(max_length=200, primary_key=True)
    last_slot = models.BigIntegerField()
    claimed_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _append_only() -> PermanentError:
    return PermanentError("Audit records are append-only.", code="append_only")
