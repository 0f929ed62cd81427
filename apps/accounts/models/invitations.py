"""Invitations, and who came by them."""

import uuid

from django.db import models
from django.db.models import F, Q

from apps.accounts.enums import Purpose, Tier
from apps.accounts.models.people import User


class Invitation(models.Model):
    """A code that lets so many people in. Only its SHA-256 is stored: whoever reads the table can't come in with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prefix = models.CharField(max_length=16, editable=False, help_text="The first characters, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.GENERAL)
    note = models.CharField(max_length=200, blank=True)
    tier = models.CharField(max_length=16, choices=Tier.choices, blank=True, help_text="Given for the days below.")
    days = models.PositiveIntegerField(null=True, blank=True)
    max_uses = models.PositiveIntegerField(default=1)
    used = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="invitations_made"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "id")
        constraints = (
            models.CheckConstraint(condition=Q(used__lte=F("max_uses")), name="accounts_invitation_used"),
            models.CheckConstraint(
                condition=Q(tier="", days=None) | (~Q(tier="") & Q(days__gte=1)),
                name="accounts_invitation_gift",
                violation_error_message="A tier is given for a number of days; say both or neither.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.purpose})"


class InvitationUse(models.Model):
    """One place of an invitation, kept for an address that registers; given back where it is not confirmed."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="uses")
    email = models.EmailField(max_length=254)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="invitation_uses")
    kept_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-kept_at", "id")
        constraints = (models.UniqueConstraint(fields=("invitation", "email"), name="accounts_invitation_use_once"),)

    def __str__(self) -> str:
        return f"{self.invitation_id} {self.email}"
