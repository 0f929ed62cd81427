"""Tiers, roles and account states, with the order in which they open doors."""

from typing import Final, Optional

from django.db.models import TextChoices

# What tiers were called once; read wherever a tier is given, never written.
OLD_TIERS: Final = {"pro": "enterprise"}


class Tier(TextChoices):
    """What a user subscribed to, lowest first; `rank` compares them."""

    FREE = "free", "Free"
    BASIC = "basic", "Basic"
    PREMIUM = "premium", "Premium"
    ENTERPRISE = "enterprise", "Enterprise"

    @classmethod
    def _missing_(cls, value: object) -> Optional["Tier"]:
        """`Tier(...)` is where given names become tiers: any letter case, and the old name."""
        if not isinstance(value, str):
            return None
        name = value.strip().lower()
        return cls._value2member_map_.get(OLD_TIERS.get(name, name))  # type: ignore[return-value]

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


class Source(TextChoices):
    """Where a subscription comes from; of each source a user has at most one at a time."""

    BETA = "beta", "Beta invitation"
    PAYMENT = "payment", "Payment provider"
    OPERATOR = "operator", "Operator"
    EXCHANGE_KEY = "exchange_key", "Exchange key"


class Purpose(TextChoices):
    """What an invitation is for."""

    GENERAL = "general", "General"
    BETA = "beta", "Beta"
    PARTNER = "partner", "Partner"


class AffiliateState(TextChoices):
    """Where somebody stands who brings others for a share."""

    APPLIED = "applied", "Applied"
    VERIFIED = "verified", "Verified"
    REFUSED = "refused", "Refused"
    ENDED = "ended", "Ended"


class BonusKind(TextChoices):
    """Why a line stands in the ledger of bonuses."""

    REFERRED = "referred", "Somebody came"
    WELCOME = "welcome", "Came by a referral"
    PAID = "paid", "Somebody who came has paid"
    COMMISSION = "commission", "Affiliate's share"
    ADJUSTED = "adjusted", "By an operator"


class EventState(TextChoices):
    """What became of a payment provider's message."""

    APPLIED = "applied", "Applied"
    IGNORED = "ignored", "Ignored"
    REFUSED = "refused", "Refused"


class KeyState(TextChoices):
    """Where a key to an exchange stands; only `valid` ones count for anything."""

    PENDING = "pending", "Waits for its check"
    VALID = "valid", "Valid"
    REFUSED = "refused", "Refused"
    UNREACHABLE = "unreachable", "Could not be checked"


class KeyRights(TextChoices):
    """What a key may do at its exchange, by the most that was found; each but `unknown` includes those before it.

    `unknown`: it works, and the exchange does not tell what it may. That never counts as allowed to trade."""

    UNKNOWN = "unknown", "Unknown"
    READ = "read", "Read"
    TRADE = "trade", "Trade"
    WITHDRAW = "withdraw", "Withdraw"
