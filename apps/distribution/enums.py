"""Choices of the distribution room."""

from django.db.models import TextChoices


class DistributionState(TextChoices):
    """What was decided about one person and one opportunity."""

    SCHEDULED = "scheduled"  # eligible, but their tier sees it later: checked again when due
    NOTIFIED = "notified"
    REFUSED = "refused"
    DROPPED = "dropped"  # was scheduled, and over before its time came


class Reason(TextChoices):
    """Why somebody does not get an opportunity, or not yet."""

    TIER_DELAY = "tier_delay"
    NO_ENDPOINT = "no_endpoint"
    BELOW_MINIMUM = "below_minimum_edge"
    CYCLE_CAP = "cycle_cap"
    DAILY_QUOTA = "daily_quota"
    COOLDOWN = "cooldown"
    NO_LONGER_ACTIVE = "no_longer_active"
