"""Where somebody is signed in."""

import uuid

from django.db import models

from apps.accounts.models.people import User


class SessionKind(models.TextChoices):
    """Through which door somebody came."""

    PAGE = "page", "Pages"
    API = "api", "API"
    BOT = "bot", "Bot"


class AccountSession(models.Model):
    """One place where a person is signed in, for seven days from its last use. Of its secret only the SHA-256 is kept.

    `standing` covers password, role, status and staff rights at its opening: when one of them changes, the session is
    over without anybody having to find it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="account_sessions")
    kind = models.CharField(max_length=8, choices=SessionKind.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    standing = models.CharField(max_length=128, editable=False)
    second_factor = models.BooleanField(default=False)
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    last_activity_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=24, blank=True, default="")

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (models.Index(fields=("user", "-created_at", "id"), name="accounts_session_of_user"),)
        verbose_name = "session"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} session of {self.created_at:%Y-%m-%d %H:%M}"
