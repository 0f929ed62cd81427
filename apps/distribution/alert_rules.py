"""The numbers of alert triggers: how many somebody may have, how often each may speak."""

from apps.core import config
from apps.distribution.types import AlertLimits

# By the columns of the tier table.
TRIGGERS = {"free": 3, "basic": 10, "premium": 50, "enterprise": 500, "admin": 500}


def declare_alert_rules() -> None:
    """Make the numbers runtime settings."""
    for column, most in TRIGGERS.items():
        config.declare(
            f"distribution.alerts.{column}",
            int,
            most,
            min=0,
            max=10_000,
            help="Alert triggers that one person may have.",
        )
    config.declare(
        "distribution.alert_cooldown_s",
        int,
        300,
        min=10,
        max=86_400,
        help="Seconds between two messages of one alert trigger that says nothing of it.",
    )
    config.declare(
        "distribution.alert_cooldown_min_s",
        int,
        60,
        min=10,
        max=86_400,
        help="The shortest cool-down of an alert trigger, in seconds.",
    )
    config.declare(
        "distribution.alerts_per_hour",
        int,
        10,
        min=1,
        max=360,
        help="Messages an hour of one alert trigger that says nothing of it.",
    )
    config.declare(
        "distribution.alerts_per_hour_max", int, 60, min=1, max=360, help="The most that an alert trigger may ask for."
    )


def alert_limits() -> AlertLimits:
    """The numbers as configured now."""
    return AlertLimits(
        cool_down_s=config.get("distribution.alert_cooldown_s"),
        cool_down_min_s=config.get("distribution.alert_cooldown_min_s"),
        per_hour=config.get("distribution.alerts_per_hour"),
        per_hour_max=config.get("distribution.alerts_per_hour_max"),
    )


def triggers_most(column: str) -> int:
    """How many triggers somebody of this column of the tier table may have."""
    most: int = config.get(f"distribution.alerts.{column}")
    return most
