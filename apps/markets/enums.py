"""Choices of the markets room."""

from enum import StrEnum

from django.db.models import TextChoices


class SnapshotKind(StrEnum):
    """What a snapshot (and so a feed) holds."""

    SPOT = "spot"
    SWAP = "swap"
    FUNDING = "funding"


class MarketType(TextChoices):
    """Markets that this house compares: spot and linear perpetuals."""

    SPOT = "spot", "spot"
    SWAP = "swap", "perpetual"


class ExchangeStatus(TextChoices):
    """How an exchange as a whole is; what one of its feeds does stands in `FeedState`."""

    NEW = "new", "not read yet"
    OK = "ok", "ok"
    UNKNOWN = "unknown", "unknown to ccxt"
    ERROR = "error", "error"
    MAINTENANCE = "maintenance", "maintenance"
    RESTRICTED = "restricted", "restricted here"


class FeedState(TextChoices):
    """Whether the newest answer of a feed may be used; only `OK` ones reach a strategy."""

    NEW = "new", "not read yet"
    OK = "ok", "ok"
    STALE = "stale", "stale"
    FROZEN = "frozen", "frozen"
    CLOCK_OFF = "clock_off", "clock off"
    ERROR = "error", "error"
    THROTTLED = "throttled", "throttled"
    MAINTENANCE = "maintenance", "maintenance"
    RESTRICTED = "restricted", "restricted here"
    DISABLED = "disabled", "disabled"
