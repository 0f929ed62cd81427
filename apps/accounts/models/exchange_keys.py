"""People's keys to their accounts at exchanges."""

import uuid

from django.db import models
from django.db.models import Q

from apps.accounts.enums import KeyRights, KeyState
from apps.accounts.models.people import User


class ExchangeKey(models.Model):
    """One key. What signs calls is encrypted and bound to this row; it goes in and never comes out again.

    Another key is another row: nothing about the credentials can be changed. A removed one keeps its row for a while,
    without credentials, so that records that name it can be understood."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exchange_keys")
    exchange = models.CharField(max_length=32)
    label = models.CharField(max_length=80, blank=True)
    sealed = models.TextField(
        blank=True, editable=False, help_text="The credentials as JSON, encrypted by the vault; empty once wiped."
    )
    digest = models.CharField(max_length=64, editable=False, help_text="By which the same key is recognised.")
    shown = models.CharField(max_length=16, editable=False, help_text="Its last four characters.")
    state = models.CharField(max_length=16, choices=KeyState.choices, default=KeyState.PENDING)
    rights = models.CharField(max_length=16, choices=KeyRights.choices, default=KeyRights.UNKNOWN)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    # Checks in a row that the exchange did not answer.
    failures = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the exchange last answered about it.")
    next_check_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(
                fields=("next_check_at",), condition=Q(next_check_at__isnull=False), name="accounts_exchange_key_due"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("user", "exchange", "digest"), condition=Q(removed_at=None), name="accounts_exchange_key_once"
            ),
            models.CheckConstraint(
                condition=~Q(rights=KeyRights.WITHDRAW) | Q(state=KeyState.REFUSED, sealed=""),
                name="accounts_exchange_key_no_withdrawal",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(sealed="", next_check_at=None),
                name="accounts_exchange_key_removed_is_wiped",
            ),
        )

    def __str__(self) -> str:
        return f"{self.exchange} {self.shown}"

    @property
    def sealed_context(self) -> str:
        """What the credentials are bound to in the vault."""
        return f"accounts.ExchangeKey:{self.pk}:sealed"
