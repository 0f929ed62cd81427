"""Who reads a message: figures and moments in their language and on their clock (Unicode CLDR, through Babel)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import NumberPattern, parse_pattern

FALLBACK = "en"
_DIGITS_MAX = 12
# English dates are read in two orders; only ISO's is read in one.
_ISO_MOMENT = "yyyy-MM-dd HH:mm z"
_ISO_DATE = "yyyy-MM-dd"


@dataclass(frozen=True, slots=True)
class Reader:
    """A language with its country's habits, and a time zone."""

    locale: Locale
    zone: ZoneInfo

    def number(self, value: Decimal, pattern: str = "") -> str:
        """A figure with this CLDR pattern (`#,##0.00`), without one with the decimals it was given."""
        digits = min(max(0, -int(value.as_tuple().exponent)), _DIGITS_MAX)
        return _number(value, pattern or "#,##0" + ("." + "0" * digits if digits else ""), self.locale)

    def moment(self, at: datetime, style: str = "") -> str:
        """A moment to the minute in the reader's zone, which is named; `style` is CLDR's short, medium, long, full."""
        return _moment(at, style, self.locale, self.zone)

    def day(self, day: date, style: str = "") -> str:
        """A date; styles as for moments."""
        iso = not style and self.locale.language == FALLBACK
        return format_date(day, _ISO_DATE if iso else style or "medium", locale=self.locale)


@lru_cache(maxsize=1024)
def reader_of(locale: str, timezone: str = "UTC") -> Reader:
    """The reader of a profile's words; what nobody knows is English or UTC, since a message is worth more than its
    commas."""
    known = next((found for tag in chain(locale) if (found := _locale(tag)) is not None), Locale.parse(FALLBACK))
    return Reader(known, zone_of(timezone))


def zone_of(timezone: str) -> ZoneInfo:
    """The zone of an IANA name; UTC where nobody knows it, since one profile must not stop everybody's messages."""
    try:
        return ZoneInfo(timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def chain(locale: str) -> tuple[str, ...]:
    """The locales whose words a reader of `locale` takes, best first: `de-AT` gives ("de-AT", "de", "en").

    RFC 4647 section 3.4, "lookup": subtags fall off from the end; English is the default."""
    return tuple(dict.fromkeys((*_shorter(normal(locale)), FALLBACK)))


def normal(locale: str) -> str:
    """The usual spelling of a language tag (RFC 5646 section 2.1.1): `DE_at` is `de-AT`, `zh_hant_tw` `zh-Hant-TW`."""
    first, *rest = locale.strip().replace("_", "-").split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in rest]
    return "-".join((first.lower(), *cased))


def aware(moment: datetime) -> datetime:
    """The moment, UTC where it names no zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shorter(tag: str) -> Iterator[str]:
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return None


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> NumberPattern:
    return parse_pattern(pattern)


# One message goes to many readers, with the same figures.
@lru_cache(maxsize=4096)
def _number(value: Decimal, pattern: str, locale: Locale) -> str:
    shown: str = _pattern(pattern).apply(value, locale)
    return shown


@lru_cache(maxsize=4096)
def _moment(at: datetime, style: str, locale: Locale, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    if not style and locale.language == FALLBACK:
        return format_datetime(local, _ISO_MOMENT, tzinfo=zone, locale=locale)
    day = format_date(local.date(), style or "medium", locale=locale)
    return f"{day} {format_time(local, 'HH:mm z', tzinfo=zone, locale=locale)}"
