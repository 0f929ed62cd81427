"""Tiers, roles and account states, with the order in which they open doors."""

from django.db.models import TextChoices


class Tier(TextChoices):
    """What a user subscribed to, lowest first; `rank` compares them."""

    FREE = "free", "Free"
    BASIC = "basic", "Basic"
    PREMIUM = "premium", "Premium"
    ENTERPRISE = "enterprise", "Enterprise"

    @property
    def rank(self) -> int:
        """Position in the order, 0 for the lowest tier."""
        return list(type(self)).index(self)


class Role(TextChoices):
    """What a user may do to others, lowest first; `rank` compares them."""

    USER = "user", "User"
    ADMIN = "admin", "Administrator"
    SUPER_ADMIN = "super_admin", "Super administrator"

    @property
    def rank(self) -> int:
        """Position in the order, 0 for an ordinary user."""
        return list(type(self)).index(self)


class UserStatus(TextChoices):
    """Where an account stands; only `active` ones may sign in."""

    ACTIVE = "active", "Active"
    PENDING = "pending", "Pending"
    SUSPENDED = "suspended", "Suspended"
    DEACTIVATED = "deactivated", "Deactivated"
