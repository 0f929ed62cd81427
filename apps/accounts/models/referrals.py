"""Who brought whom, and what they got for it."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from apps.accounts.enums import BonusKind
from apps.accounts.models.people import User


class ReferralCode(models.Model):
    """A code that its owner gives to others. A former one stays theirs: nobody else can take it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="referral_codes")
    code = models.CharField(max_length=20, unique=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("user",), condition=Q(active=True), name="accounts_referral_code_active"),
            models.CheckConstraint(condition=Q(code=Upper("code")), name="accounts_referral_code_upper"),
        )

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """One person came by another's code; nobody comes twice, and nobody by their own."""

    referred = models.OneToOneField(User, on_delete=models.CASCADE, related_name="referral")
    referrer = models.ForeignKey(User, on_delete=models.CASCADE, related_name="referrals")
    code = models.ForeignKey(ReferralCode, on_delete=models.PROTECT, related_name="referrals")
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True, help_text="When the referred one first paid.")

    class Meta:
        ordering = ("-created_at", "id")
        constraints = (models.CheckConstraint(condition=~Q(referred=F("referrer")), name="accounts_referral_not_self"),)

    def __str__(self) -> str:
        return f"{self.referrer_id} → {self.referred_id}"


class BonusEntry(models.Model):
    """A line of the ledger of bonuses: what somebody has is the sum of their lines, which are never changed."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="bonuses")
    kind = models.CharField(max_length=16, choices=BonusKind.choices)
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    unit = models.CharField(max_length=8, default="points", help_text="points, or a currency's code")
    referral = models.ForeignKey(Referral, on_delete=models.SET_NULL, null=True, blank=True, related_name="bonuses")
    note = models.CharField(max_length=200, blank=True)
    # What the line is for, so that no cause makes two.
    cause = models.CharField(max_length=160, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "bonus entries"

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} ({self.kind})"
