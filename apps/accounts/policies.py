"""The tier table: declared once as runtime configuration, read by the API and by distribution alike."""

from dataclasses import dataclass

from apps.accounts.types import DailyQuota, TierPolicy
from apps.core import config

ADMIN_COLUMN = "admin"


@dataclass(frozen=True, slots=True)
class Column:
    """Defaults of one column of the table; None is unlimited."""

    list_limit: int
    daily_arbitrage: int | None
    daily_technical: int | None
    delay_s: int
    analytics_days: int | None


COLUMNS = {
    "free": Column(list_limit=5, daily_arbitrage=3, daily_technical=3, delay_s=300, analytics_days=7),
    "basic": Column(list_limit=10, daily_arbitrage=10, daily_technical=10, delay_s=0, analytics_days=7),
    "premium": Column(list_limit=20, daily_arbitrage=None, daily_technical=None, delay_s=0, analytics_days=30),
    "enterprise": Column(list_limit=50, daily_arbitrage=None, daily_technical=None, delay_s=0, analytics_days=None),
    ADMIN_COLUMN: Column(list_limit=100, daily_arbitrage=None, daily_technical=None, delay_s=0, analytics_days=None),
}


def declare_policies() -> None:
    """Make every number of the table a runtime setting `tier.<column>.<number>` with its default."""
    for name, column in COLUMNS.items():
        config.declare(
            f"tier.{name}.list_limit", int, column.list_limit, min=1, help="Opportunities in one answer of the list."
        )
        for family, default in (("arbitrage", column.daily_arbitrage), ("technical", column.daily_technical)):
            config.declare(
                f"tier.{name}.daily_{family}",
                int,
                default,
                min=0,
                nullable=True,
                help=f"Distinct {family} opportunities a day; null is unlimited.",
            )
        config.declare(
            f"tier.{name}.delay_s",
            int,
            column.delay_s,
            min=0,
            help="Seconds an opportunity is held back from this tier.",
        )
        config.declare(
            f"tier.{name}.analytics_days",
            int,
            column.analytics_days,
            min=1,
            nullable=True,
            help="Days that one's own analytics go back; null is all.",
        )
    config.declare(
        "group.commands",
        str,
        "help settings opportunities",
        help="Commands that are obeyed in groups and channels, separated by spaces.",
    )


def policy_read(column: str) -> TierPolicy:
    """The numbers of `column` as they are configured now. An unknown column is a `KeyError`."""
    if column not in COLUMNS:
        raise KeyError(column)
    return TierPolicy(
        name=column,
        list_limit=config.get(f"tier.{column}.list_limit"),
        daily=DailyQuota(
            arbitrage=config.get(f"tier.{column}.daily_arbitrage"),
            technical=config.get(f"tier.{column}.daily_technical"),
        ),
        delay_s=config.get(f"tier.{column}.delay_s"),
        analytics_days=config.get(f"tier.{column}.analytics_days"),
    )
