"""The manager of people: accounts are made and found by e-mail address."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager

from apps.accounts.enums import Role, Tier

if TYPE_CHECKING:
    from apps.accounts.models import User


def email_normal(email: str) -> str:
    """The one spelling of an address that is stored and looked up: trimmed, lowercase."""
    return email.strip().lower()


class UserManager(BaseUserManager["User"]):
    """Makes users; what `createsuperuser` and Django's authentication backend call."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a user; without a password nobody can sign in with one. Raises `ValueError` without an address."""
        email = email_normal(email)
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store an operator who may do everything."""
        fields = {
            "tier": Tier.ENTERPRISE,
            "base_tier": Tier.ENTERPRISE,
            "role": Role.SUPER_ADMIN,
            **fields,
            "is_staff": True,
            "is_superuser": True,
        }
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user who signs in as `username`, whatever its letter case."""
        return self.get(email=email_normal(username or ""))
