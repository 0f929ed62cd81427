"""What this room owes people in writing: a lower room can't reach anybody, so it leaves letters to be posted."""

import uuid

from django.db import models

from apps.accounts.models.people import User


class Letter(models.Model):
    """One letter, its text encrypted because it may hold a code; another room posts it and says so."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="letters")
    title = models.CharField(max_length=200)
    sealed = models.TextField(editable=False, help_text="The text, encrypted by the vault.")
    to_address = models.BooleanField(
        default=False, help_text="To the address that the account signs in with, and nowhere else."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(fields=("created_at",), condition=models.Q(posted_at=None), name="accounts_letter_to_post"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def sealed_context(self) -> str:
        """What the text is bound to in the vault."""
        return f"accounts.Letter:{self.pk}:sealed"
