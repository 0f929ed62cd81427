"""Choices of the opportunities room."""

from enum import StrEnum

from django.db.models import TextChoices


class OpportunityKind(TextChoices):
    """What has to be done to earn the edge; each kind is one strategy (`strategies/registry.py`)."""

    FUNDING_RATE = "funding_rate", "funding rate"
    CROSS_EXCHANGE = "cross_exchange", "cross exchange"


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
    UNKNOWN_MARKET = "unknown market"
    NEVER_PRICED = "never priced"
    DATA_GONE = "data gone"
    NOT_SEEN = "not seen any more"
    TIME_UP = "time is up"

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
    Reason.UNKNOWN_MARKET: "a leg's market is no longer listed, or its exchange is switched off",
    Reason.NEVER_PRICED: "no order books came to price it on within a minute",
    Reason.DATA_GONE: "its order books, fees or rates could not be read any more",
    Reason.NOT_SEEN: "it was not seen in the quotes any more",
    Reason.TIME_UP: "it was believed for as long as its risk allows",
}

_VERDICTS = frozenset({Reason.EDGE_GONE, Reason.BELOW_MINIMUM, Reason.UNKNOWN_MARKET, Reason.MISSING_FEE})
