"""A person."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.managers import UserManager, email_normal
from apps.accounts.profile import locale_check, timezone_check


class User(AbstractBaseUser, PermissionsMixin):
    """A person: signs in by e-mail, sees and changes only their own things."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(
        "e-mail",
        unique=True,
        error_messages={"unique": "This address is already in use."},
    )
    name = models.CharField(max_length=120, blank=True)
    # What the account opens now: the highest of the base and of the subscriptions that count. Written by one service.
    tier = models.CharField(max_length=16, choices=Tier.choices, default=Tier.FREE, db_index=True)
    base_tier = models.CharField(
        max_length=16, choices=Tier.choices, default=Tier.FREE, help_text="What it opens without any subscription."
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.USER)
    status = models.CharField(
        max_length=16,
        choices=UserStatus.choices,
        default=UserStatus.ACTIVE,
        db_index=True,
    )
    timezone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=16, default="en")
    is_staff = models.BooleanField("may use the admin", default=False)
    last_activity_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    email_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    registered = models.BooleanField(default=False, editable=False, help_text="Came by registering.")

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="accounts_user_email_lowercase",
            ),
        )

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Keep the one spelling of the address, a time zone that there is and a locale that is offered."""
        super().clean()
        self.email = email_normal(self.email)
        for field, check in (("timezone", timezone_check), ("locale", locale_check)):
            try:
                setattr(self, field, check(getattr(self, field)))
            except ValueError as error:
                raise ValidationError({field: str(error)}) from error

    def get_full_name(self) -> str:
        """The name to greet with, the address where none was given."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Same as the full name; people write their names as they like."""
        return self.get_full_name()

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """What Django compares for each request of a page: besides the password, rights. When they change, people sign
        in again, with what they may now."""
        standing = "\n".join((self.password, self.role, self.status, str(self.is_staff), str(self.is_superuser)))
        return salted_hmac("accounts.User.standing", standing, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Whether the account may sign in; Django and DRF ask for it by this name."""
        return self.status == UserStatus.ACTIVE
