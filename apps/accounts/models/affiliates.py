"""People who bring others for a share of what those pay."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.accounts.enums import AffiliateState
from apps.accounts.models.people import User


class Affiliate(models.Model):
    """An application, and what an operator made of it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="affiliate")
    state = models.CharField(max_length=16, choices=AffiliateState.choices, default=AffiliateState.APPLIED)
    website = models.URLField(max_length=300, blank=True)
    words = models.CharField(max_length=500, blank=True, help_text="How they mean to bring people.")
    share = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal(0),
        validators=(MinValueValidator(Decimal(0)), MaxValueValidator(Decimal("0.5"))),
        help_text="Fraction of each payment of those they bring.",
    )
    applied_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="affiliates_decided"
    )

    class Meta:
        ordering = ("-applied_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(share__gte=0, share__lte=Decimal("0.5")), name="accounts_affiliate_share"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} ({self.state})"
