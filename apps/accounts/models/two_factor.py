"""The second thing somebody signs in with."""

from django.db import models

from apps.accounts.models.people import User


class TwoFactor(models.Model):
    """A person's authenticator app: counts once a first code of it was given back."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="two_factor")
    secret = models.TextField(editable=False, help_text="Under the vault's keys.")
    # The newest time step whose code was used: no code works twice.
    last_step = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("user",)
        verbose_name = "second factor"

    def __str__(self) -> str:
        return "on" if self.confirmed_at else "begun"


class RecoveryCode(models.Model):
    """A code on paper that replaces the app once; stored as a keyed digest."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("user", "id")
        constraints = (models.UniqueConstraint(fields=("user", "digest"), name="accounts_recovery_code"),)

    def __str__(self) -> str:
        return "used" if self.used_at else "unused"


class Recovery(models.Model):
    """Somebody asked to set a new password. Stored for unknown addresses too (`user` null), so that nobody can tell the
    two apart; the link's digest comes when it is sent."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="recoveries")
    digest = models.CharField(max_length=64, null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "recoveries"

    def __str__(self) -> str:
        return "used" if self.used_at else "unused"
