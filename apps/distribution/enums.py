"""Choices of the distribution room."""

from django.db.models import TextChoices


class DistributionState(TextChoices):
    """What was decided about one recipient and one opportunity."""

    SCHEDULED = "scheduled"  # eligible, but their tier sees it later: checked again when due
    NOTIFIED = "notified"
    REFUSED = "refused"
    DROPPED = "dropped"  # was scheduled, and over before its time came


class Reason(TextChoices):
    """Why somebody does not get an opportunity, or not yet; `rules.LAYERS` says when."""

    NO_SESSION = "no_session"
    NO_ENDPOINT = "no_endpoint"
    DAILY_QUOTA = "daily_quota"
    NOT_WANTED = "not_wanted"
    NOT_ON_OWN_EXCHANGES = "not_on_own_exchanges"
    BELOW_MINIMUM = "below_minimum_edge"
    TOO_WEAK = "too_weak"
    COOLDOWN = "cooldown"
    TIER_DELAY = "tier_delay"
    CYCLE_CAP = "cycle_cap"
    NOT_FOR_GROUPS = "not_for_groups"
    NO_PLACE_LEFT = "no_place_left"
    NO_LONGER_ACTIVE = "no_longer_active"  # decided when its time has come, by no layer
