"""Choices of the markets room."""

from enum import IntEnum, StrEnum

from django.db.models import TextChoices


class SnapshotKind(StrEnum):
    """What a snapshot (and so a feed) holds."""

    SPOT = "spot"
    SWAP = "swap"
    FUNDING = "funding"


class SnapshotOrigin(StrEnum):
    """How a snapshot came to us."""

    POLL = "poll"
    STREAM = "stream"


class DataSource(StrEnum):
    """Where an answer about market data was found, nearest first."""

    STREAM = "stream"
    REDIS = "redis"
    MEMORY = "memory"
    DATABASE = "database"
    ARCHIVE = "archive"
    API = "api"


class IntervalSource(IntEnum):
    """Where a funding interval comes from; without one a rate can't be compared."""

    UNKNOWN = 0
    EXCHANGE = 1
    HISTORY = 2
    CONSTANT = 3


class FeeSource(StrEnum):
    """Who says what a fee is: the exchange, or an operator's rule about a market, a type of markets, an exchange."""

    TOLD = "told"
    MARKET = "market"
    TYPE = "type"
    EXCHANGE = "exchange"


class MarketType(TextChoices):
    """Markets that this house reads: spot, linear perpetuals, and inverse ones (paid in the base coin), which are shown
    but not paired with the others: their profit isn't linear in the price."""

    SPOT = "spot", "spot"
    SWAP = "swap", "perpetual"
    INVERSE = "inverse", "inverse perpetual"


class Watch(TextChoices):
    """An operator's word on whether a market belongs to the monitored universe."""

    AUTO = "auto", "by rank"
    PINNED = "pinned", "pinned"
    BLOCKED = "blocked", "blocked"


class Gate(TextChoices):
    """Whether deposits or withdrawals are possible."""

    OPEN = "open", "open"
    CLOSED = "closed", "closed"
    UNKNOWN = "unknown", "unknown"


class QuarantineState(TextChoices):
    """What an operator made of a price that is far from its namesakes'."""

    PENDING = "pending", "waits for a decision"
    SAME = "same", "the same asset"
    DIFFERENT = "different", "another asset"


class LetterState(TextChoices):
    """What became of an answer that failed validation."""

    OPEN = "open", "open"
    REPLAYED = "replayed", "replayed"
    DISMISSED = "dismissed", "dismissed"


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


class BarOrigin(TextChoices):
    """Where a bar comes from: the exchange's own, of trades, or the middle prices that we polled."""

    EXCHANGE = "exchange", "the exchange's bars"
    QUOTES = "quotes", "our quotes"
