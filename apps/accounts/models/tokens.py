"""The tokens people call the API with."""

from django.db import models

from apps.accounts.models.people import User
from apps.accounts.scopes import scopes_default


class ApiToken(models.Model):
    """A key to the API. Only its SHA-256 is stored: whoever reads the table can't call with it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(
        max_length=16,
        editable=False,
        help_text="The first characters, to recognise it by.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=scopes_default, help_text="What it may be used for, of what its owner may.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
