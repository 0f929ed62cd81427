"""Registrations on their way to becoming accounts."""

import uuid

from django.db import models

from apps.accounts.models.invitations import InvitationUse
from apps.accounts.models.people import User
from apps.accounts.models.referrals import ReferralCode


class Registration(models.Model):
    """One try to register, with the password and the code of this very try.

    Somebody who registers another's address therefore never learns or sets what its owner signs in with: the code that
    arrives there only fits the try that it was made for. A try for an address that has an account is stored like any
    other, and no code fits it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True)
    password = models.CharField(max_length=128, editable=False)
    timezone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=16, default="en")
    # Nobody where the address has an account.
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="registrations")
    invitation_use = models.ForeignKey(
        InvitationUse, on_delete=models.SET_NULL, null=True, blank=True, related_name="registrations"
    )
    referral_code = models.ForeignKey(
        ReferralCode, on_delete=models.SET_NULL, null=True, blank=True, related_name="registrations"
    )
    digest = models.CharField(max_length=64, editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_index=True)
    code_expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return self.email
