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


class Refusal(TextChoices):
    """Why an alert trigger that had something to say did not."""

    COOLDOWN = "cooldown"  # it spoke a moment ago; what still holds is told afterwards
    HOURLY_LIMIT = "hourly_limit"
    DAILY_QUOTA = "daily_quota"  # of the opportunities that the owner's tier may see


class Silence(TextChoices):
    """Why an alert trigger would say nothing now."""

    SWITCHED_OFF = "switched_off"
    UNKNOWN = "unknown"  # no usable data
    DOES_NOT_HOLD = "does_not_hold"
    TOLD_ALREADY = "told_already"  # it holds, and is told again only once it did not
    COOLDOWN = "cooldown"
