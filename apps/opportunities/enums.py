"""Choices of the opportunities room."""

from enum import StrEnum

from django.db.models import TextChoices


class OpportunityKind(TextChoices):
    """What has to be done to earn the edge; each kind is one strategy (`strategies/registry.py`)."""

    FUNDING_RATE = "funding_rate", "funding rate"
    SPOT_PERP = "spot_perp", "spot and perpetual"
    CROSS_EXCHANGE = "cross_exchange", "cross exchange"
    TRIANGULAR = "triangular", "triangular"
    TECHNICAL = "technical", "technical signal"


class Focus(TextChoices):
    """What somebody's mixed list is made of most; the shares are in `numbers.py`."""

    ARBITRAGE = "arbitrage", "arbitrage"
    HYBRID = "hybrid", "both alike"
    TECHNICAL = "technical", "technical"


class Experience(TextChoices):
    """How long somebody has traded, by their own word."""

    BEGINNER = "beginner", "beginner"
    INTERMEDIATE = "intermediate", "intermediate"
    ADVANCED = "advanced", "advanced"


class Automation(TextChoices):
    """How much is done without asking, the least first; which tier opens which is in `automation.py`."""

    MANUAL = "manual", "by hand"
    SEMI_AUTOMATIC = "semi_automatic", "with a confirmation each"
    AUTOMATIC = "automatic", "without being asked"


class AutomationScope(TextChoices):
    """What automation may take, once it is more than manual."""

    ARBITRAGE = "arbitrage", "arbitrage"
    TECHNICAL = "technical", "technical signals"
    BOTH = "both", "both"


class OpportunityStatus(TextChoices):
    """The life cycle; only active ones are listed and distributed."""

    DETECTED = "detected", "detected"  # seen in the quotes, not yet priced on the order books
    ACTIVE = "active", "active"
    EXPIRED = "expired", "expired"  # its time is up, or it was not seen any more
    CLOSED = "closed", "closed"  # the edge is gone
    DROPPED = "dropped", "dropped"  # never became active


class Risk(TextChoices):
    """How much may go wrong; decides how long an opportunity is believed."""

    LOW = "low", "low"
    MEDIUM = "medium", "medium"
    HIGH = "high", "high"

    @property
    def and_below(self) -> tuple["Risk", ...]:
        """This one and everything less risky."""
        every = list(type(self))
        return tuple(every[: every.index(self) + 1])


class Context(TextChoices):
    """For whom it was found."""

    GLOBAL = "global", "global"
    PERSONAL = "personal", "personal"
    GROUP = "group", "group"


class Origin(TextChoices):
    """Where its data came from; never shown as anything else."""

    LIVE = "live", "live"
    SANDBOX = "sandbox", "sandbox"
    REPLAY = "replay", "replay"


class FeedbackState(TextChoices):
    """What somebody did with an opportunity."""

    VIEWED = "viewed", "viewed"
    EXECUTED = "executed", "executed"
    IGNORED = "ignored", "ignored"


class IgnoredBecause(TextChoices):
    """Why somebody left an opportunity alone."""

    TOO_SMALL = "too_small", "too small an edge or size"
    TOO_RISKY = "too_risky", "too risky"
    TOO_LATE = "too_late", "gone before it could be taken"
    NO_ACCOUNT = "no_account", "no account or funds on an exchange"
    NOT_BELIEVED = "not_believed", "not believed"
    OTHER = "other", "something else"


class ExecutionMode(TextChoices):
    """How an opportunity was taken; so far only without real orders."""

    PAPER = "paper", "paper"


class Side(StrEnum):
    """What is done on a leg."""

    BUY = "buy"
    SELL = "sell"


class Reason(StrEnum):
    """Why an opportunity was refused, closed or expired, or why a markout has no figure; `words` is for people."""

    EDGE_GONE = "edge gone"
    BELOW_MINIMUM = "below minimum"
    THIN_BOOK = "thin book"
    EMPTY_BOOK = "empty book"
    CROSSED_BOOK = "crossed book"
    SKEWED_BOOKS = "books too far apart in time"
    PRICE_RATIO = "prices too far apart"
    MISSING_BOOK = "no order book"
    MISSING_FEE = "missing fee"
    MISSING_FUNDING = "missing funding rate"
    MISSING_DOLLAR_RATE = "no dollar rate"
    MISSING_CONVERSION = "no conversion rate"
    UNKNOWN_MARKET = "unknown market"
    TRANSFER_CLOSED = "transfers are closed"
    NEVER_PRICED = "never priced"
    DATA_GONE = "data gone"
    NOT_SEEN = "not seen any more"
    TIME_UP = "time is up"
    SIGNAL_GONE = "signal gone"

    @property
    def words(self) -> str:
        """The reason as a sentence for people."""
        return _WORDS[self]

    @property
    def is_verdict(self) -> bool:
        """Whether the answer is no: not worth it, or a leg that may not be traded. Else the data was unfit to judge by
        and a row waits, an active one for as long as its last price is believed."""
        return self in _VERDICTS


_WORDS = {
    Reason.EDGE_GONE: "net of all costs no more than the minimum edge is left at a size that can be traded",
    Reason.BELOW_MINIMUM: "the size that still earns is below a leg's lot, minimum amount or minimum notional",
    Reason.THIN_BOOK: "an order book does not hold the size",
    Reason.EMPTY_BOOK: "an order book has no levels on a side that is needed",
    Reason.CROSSED_BOOK: "an order book's best bid is above its best ask, so it can't be true",
    Reason.SKEWED_BOOKS: "the legs' order books are of moments too far apart to be compared",
    Reason.PRICE_RATIO: "the legs' prices are so far apart that they can't be of the same thing",
    Reason.MISSING_BOOK: "there was no fresh order book of every leg in time",
    Reason.MISSING_FEE: "a leg's taker fee is unknown",
    Reason.MISSING_FUNDING: "a leg's funding rate, interval or next funding time is unknown or too old",
    Reason.MISSING_DOLLAR_RATE: "the quote currency has no rate to the dollar to size by",
    Reason.MISSING_CONVERSION: "nobody quotes the legs' dollars against each other right now",
    Reason.UNKNOWN_MARKET: "a leg's market is no longer listed, or its exchange is switched off",
    Reason.TRANSFER_CLOSED: "what is bought can't be moved to where it is sold, or the money not back",
    Reason.NEVER_PRICED: "no order books came to price it on within a minute",
    Reason.DATA_GONE: "its order books, fees, rates or bars could not be read any more",
    Reason.NOT_SEEN: "it was not seen in the quotes any more",
    Reason.TIME_UP: "it was believed for as long as its risk allows",
    Reason.SIGNAL_GONE: "the conditions of its rule do not hold any more, or the rule was changed or switched off",
}

_VERDICTS = frozenset(
    {Reason.EDGE_GONE, Reason.BELOW_MINIMUM, Reason.UNKNOWN_MARKET, Reason.MISSING_FEE, Reason.TRANSFER_CLOSED}
)
