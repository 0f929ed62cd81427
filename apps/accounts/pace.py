"""How many API requests a tier may send in a minute: declared once as runtime configuration."""

from typing import Final

from apps.accounts.enums import Role, Tier
from apps.accounts.policies import ADMIN_COLUMN
from apps.core import config

REQUESTS: Final = {"free": 120, "basic": 300, "premium": 1200, "enterprise": 6000, ADMIN_COLUMN: 6000}


def declare_pace() -> None:
    """Make the numbers known, with their defaults."""
    for name, default in REQUESTS.items():
        config.declare(
            f"tier.{name}.requests_per_minute",
            int,
            default,
            min=1,
            max=1_000_000,
            help="API requests in a minute, of all tokens and sessions of one person.",
        )


def requests_per_minute(tier: Tier | str, role: Role | str) -> int:
    """What somebody of this tier and role may send."""
    column = ADMIN_COLUMN if Role(role).rank >= Role.ADMIN.rank else Tier(tier).value
    limit: int = config.get(f"tier.{column}.requests_per_minute")
    return limit
