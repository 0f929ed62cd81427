"""ccxt's errors into ours, once: what to do about each."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
import ccxt

from apps.core import clock
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges.columns import RawAnswer
from apps.markets.exchanges.parse import readable

# A 429 without a time: most exchanges count by the minute. A ban (418) without a time lasts two minutes at first.
# https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
PAUSE_S = 30.0
BAN_S = 120.0
# No exchange bans an address for longer than three days (Binance, same page); what says more is garbage.
LONGEST_PAUSE_S = 3 * 86_400.0

# More of a page of errors is not looked at.
_LONGEST = 20_000

_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_QUERY = re.compile(r"(?<=\w)\?\S*(?:signature|sign|token)=\S*", re.I)
_PLACE = re.compile(
    r"restricted location|your (country|region|location)|block access from|geograph|not available in", re.I
)


class Wire(Protocol):
    """The last HTTP answer of the call: status (0: none came) and lower-case headers; and all that came for it."""

    status: int
    headers: Mapping[str, str]
    raw: list[RawAnswer]


@contextmanager
def translated(exchange: str, wire: Wire) -> Iterator[None]:
    """Run ccxt inside; whatever it raises comes out as a core error whose message says what happened."""
    try:
        # ccxt's own parsers trip over answers of another shape than they expect.
        with readable(exchange, wire.raw):
            yield
    except ccxt.BaseError as error:
        raise _core_error(exchange, error, wire) from error


def _core_error(exchange: str, error: ccxt.BaseError, wire: Wire) -> ArbEdgeError:
    text = _short(exchange, str(error))
    pause = _pause(str(error), wire)
    if (
        isinstance(error, ccxt.RestrictedLocation)
        or wire.status == 451
        or (wire.status == 403 and _PLACE.search(str(error)))
    ):
        return PermanentError(f"{exchange} does not serve this location: {text}", code="restricted")
    if isinstance(error, ccxt.OnMaintenance):
        return TemporaryError(f"{exchange} is under maintenance: {text}", code="maintenance", retry_after=pause)
    # Where the body has a code of its own, ccxt goes by that and not by the status.
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded) or wire.status in (418, 429):
        usual = BAN_S if isinstance(error, ccxt.DDoSProtection) or wire.status == 418 else PAUSE_S
        return ThrottledError(f"{exchange} asks for a pause: {text}", retry_after=pause or usual)
    if isinstance(error, ccxt.AuthenticationError):
        return PermanentError(f"{exchange} refused the key: {text}", code="key_refused")
    if wire.status == 403:
        # Without a word about places it is the firewall's answer to too many requests (Binance, Bybit).
        return ThrottledError(f"{exchange} forbids for now: {text}", retry_after=pause or BAN_S)
    if pause:
        return ThrottledError(f"{exchange} asks to come back later: {text}", retry_after=pause, code="unavailable")
    return _plain_error(exchange, error, text, wire)


def _plain_error(exchange: str, error: ccxt.BaseError, text: str, wire: Wire) -> ArbEdgeError:
    if isinstance(error, ccxt.InvalidNonce):
        return TemporaryError(f"{exchange} finds our clock wrong: {text}", code="clock")
    if isinstance(error, ccxt.RequestTimeout):
        return TemporaryError(f"{exchange} did not answer in time", code="timeout")
    if isinstance(error, ccxt.BadSymbol):
        return PermanentError(f"{exchange} does not know the symbol: {text}", code="bad_symbol")
    if isinstance(error, ccxt.NotSupported):
        return PermanentError(f"{exchange} does not offer this: {text}", code="not_supported")
    if isinstance(error, ccxt.BadResponse):
        return UnreadableAnswer(f"{exchange} answered something unreadable: {text}", raw=tuple(wire.raw))
    broken = isinstance(error, ccxt.OperationFailed) or isinstance(error.__cause__, aiohttp.ClientError)
    # Where the body has a code that ccxt takes for our mistake, the status still says whose it is.
    if broken or wire.status >= 500:
        said = _short(exchange, str(error.__cause__)) if isinstance(error.__cause__, aiohttp.ClientError) else ""
        words = ", ".join(each for each in (text, said) if each) or type(error).__name__
        return TemporaryError(f"{exchange} can't be reached: {words}", code="unavailable")
    return PermanentError(f"{exchange} refused: {text or type(error).__name__}", code="exchange_error")


def _pause(text: str, wire: Wire) -> float | None:
    """Seconds until when the exchange wants us back: its ban's end, else `Retry-After`; None where it names none."""
    ban = _BANNED_UNTIL.search(text)
    if ban:
        return _bounded((int(ban[1]) - clock.now_ms()) / 1000)
    value = wire.headers.get("retry-after", "").strip()
    if not value or wire.status < 400:
        return None
    if value.isdecimal():
        return _bounded(float(value))
    try:
        moment = parsedate_to_datetime(value)
        return _bounded((moment.astimezone(UTC) - clock.now()).total_seconds())
    except (OverflowError, ValueError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), LONGEST_PAUSE_S)


def _short(exchange: str, text: str) -> str:
    # The query of a signed call is nobody's business, and no database keeps a NUL.
    printable = "".join(each if each.isprintable() else " " for each in text[:_LONGEST])
    flat = " ".join(_QUERY.sub("", re.sub(r"<[^>]*>", " ", printable)).split())
    return flat.removeprefix(f"{exchange} ")[:200]
