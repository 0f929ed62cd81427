"""Neutral rows: one JSON object per line, plain or gzipped. Whatever can't be used is named by file and line."""

import gzip
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from apps.core.exceptions import PermanentError
from apps.opportunities.replay.listings import INVERSE, Listings
from apps.opportunities.replay.losses import Losses
from apps.opportunities.replay.tape import Prices, Rates, Recorder, Tape

ENDINGS: Final = (".jsonl", ".jsonl.gz")
# Moments before 2001 or after 2286 are given in another unit.
_FIRST, _LAST = 1e9, 1e10
# A rate of this size per interval is a mistake: exchanges cap it at a few per cent.
_ABSURD_RATE = 1.0
_NAN: Final = math.nan
# A file, and how many of its bytes have been read.
Progress = Callable[[Path, int], None]


class QuoteRow(msgspec.Struct):
    """The best bid and ask of a market at `ts` (Unix seconds): prices in quote currency, sizes in base units.

    Sizes may be null (unknown). Perpetuals may tell their funding: the rate as a fraction per `interval_h` hours, next
    at `next_funding_ts`. Sizes of inverse ones are contracts worth `contract_size` of the quote currency each."""

    ts: float
    exchange: str
    symbol: str
    bid: float | None = None
    bid_size: float | None = None
    ask: float | None = None
    ask_size: float | None = None
    funding_rate: float | None = None
    interval_h: float | None = None
    next_funding_ts: float | None = None
    contract_size: float | None = None


class FundingRow(msgspec.Struct):
    """A funding rate that was settled at `ts` (Unix seconds); with `next_funding_ts`, one that will be settled then."""

    ts: float
    exchange: str
    symbol: str
    funding_rate: float
    interval_h: float | None = None
    next_funding_ts: float | None = None


def quotes_read(paths: Sequence[Path], listings: Listings, losses: Losses, progress: Progress) -> Tape:
    """All quotes of these files. Raises PermanentError for a file that can't be opened."""
    decoder = msgspec.json.Decoder(QuoteRow, strict=False)
    prices, told = Recorder.of(Prices), Recorder.of(Rates)
    for path in paths:
        for number, line in _lines(path, losses, progress):
            try:
                row = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                losses.add(f"not readable ({_short(error)})", f"{path.name}:{number}")
                continue
            if reason := _unnamed(row):
                losses.add(reason, f"{path.name}:{number}")
                continue
            _record(row, listings, losses, f"{path.name}:{number}", prices, told)
    return Tape(prices.prices(), told.rates())


def fundings_read(paths: Sequence[Path], listings: Listings, losses: Losses, progress: Progress) -> tuple[Rates, Rates]:
    """The settled fundings of these files, whose `next_ms` is not told, and those that were told ahead."""
    decoder = msgspec.json.Decoder(FundingRow, strict=False)
    settled, told = Recorder.of(Rates), Recorder.of(Rates)
    for path in paths:
        for number, line in _lines(path, losses, progress):
            place = f"{path.name}:{number}"
            try:
                row = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                losses.add(f"of funding not readable ({_short(error)})", place)
                continue
            if reason := _unnamed(row) or _funding_refused(row):
                losses.add(reason, place)
                continue
            (told if row.next_funding_ts else settled).add(
                round(row.ts * 1e6),
                listings.number(row.exchange, row.symbol),
                round((row.next_funding_ts or 0) * 1000),
                rate=row.funding_rate,
                interval_h=_NAN if row.interval_h is None else row.interval_h,
            )
    return settled.rates(), told.rates()


def _record(row: QuoteRow, listings: Listings, losses: Losses, place: str, prices: Recorder, told: Recorder) -> None:
    market = listings.number(row.exchange, row.symbol)
    ts, listing = round(row.ts * 1e6), listings.all[market]
    funding = {"rate": _NAN, "interval_h": _NAN}
    next_ms = 0
    if row.funding_rate is not None or row.interval_h is not None or row.next_funding_ts is not None:
        if reason := _funding_refused(row):
            losses.add(f"{reason}: its quote was used", place)
        else:
            next_ms = round((row.next_funding_ts or 0) * 1000)
            funding = {
                "rate": _NAN if row.funding_rate is None else row.funding_rate,
                "interval_h": _NAN if row.interval_h is None else row.interval_h,
            }
            if row.bid is None and row.ask is None:
                told.add(ts, market, next_ms, **funding)
                return
    bid, ask = row.bid, row.ask
    bid_size = _NAN if row.bid_size is None else row.bid_size
    ask_size = _NAN if row.ask_size is None else row.ask_size
    if not listing.refused:
        if listing.type_code == INVERSE and not (row.contract_size and row.contract_size > 0):
            losses.add("of an inverse perpetual without contract_size", f"{row.exchange} {row.symbol}")
            return
        if reason := _refused(bid, bid_size, ask, ask_size):
            # What can't be traded now can't be traded at the price of a moment ago either.
            losses.add(reason, place)
            bid = ask = None
    if bid is None or ask is None:
        bid = ask = _NAN
    elif listing.type_code == INVERSE and row.contract_size:
        bid_size, ask_size = bid_size * row.contract_size / bid, ask_size * row.contract_size / ask
    prices.add(ts, market, next_ms, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size, **funding)


def _unnamed(row: QuoteRow | FundingRow) -> str:
    if not _FIRST <= row.ts < _LAST:
        return "whose ts is no moment in Unix seconds"
    return "" if row.exchange and row.symbol else "without exchange or symbol"


def _refused(bid: float | None, bid_size: float, ask: float | None, ask_size: float) -> str:
    """Why a quote can't be used; the same as for a live one."""
    if bid is None or ask is None:
        return "without bid or ask"
    if bid <= 0 or ask <= 0:
        return "whose price is not positive"
    if bid > ask:
        return "crossed (bid above ask)"
    return "without size (0 or less; null is unknown)" if bid_size <= 0 or ask_size <= 0 else ""


def _funding_refused(row: QuoteRow | FundingRow) -> str:
    if row.funding_rate is not None and not -_ABSURD_RATE < row.funding_rate < _ABSURD_RATE:
        return "whose funding_rate is 100 % or more"
    if row.interval_h is not None and row.interval_h <= 0:
        return "whose interval_h is not positive"
    if row.next_funding_ts and not _FIRST <= row.next_funding_ts < _LAST:
        return "whose next_funding_ts is no moment in Unix seconds"
    return ""


def _short(error: Exception) -> str:
    # The position inside the line would make each of them a reason of its own.
    return str(error).partition(" (byte ")[0] if isinstance(error, msgspec.MsgspecError) else "not UTF-8"


def _lines(path: Path, losses: Losses, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of the lines that are not blank; a file that breaks off says so and keeps what was read."""
    number = 0
    with _opened(path) as (raw, text):
        try:
            for number, line in enumerate(text, 1):  # its number is told after the loop
                if number % 4096 == 0:
                    progress(path, raw.tell())
                if not line.isspace():
                    yield number, line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            losses.add(f"and what follows lost, the file is broken off ({error})", f"{path.name}:{number + 1}")
        progress(path, raw.tell())


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    try:
        with path.open("rb") as raw:
            if path.suffix == ".gz":
                with gzip.open(raw) as text:
                    yield raw, cast("IO[bytes]", text)
            else:
                yield raw, raw
    except OSError as error:
        raise PermanentError(f"{path} can't be read: {error.strerror or error}", code="unreadable") from error
