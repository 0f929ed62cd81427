"""Recordings played back: which entry answers a call, and at which pace."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate

from sandbox.calls import Answer, Call, problem
from sandbox.recordings.har import Entry, fields_of

# Parameters that page through an answer, say when it was asked for, or prove who asks: they select nothing else.
_PAGING = ("limit", "cursor", "page", "pagesize", "page_size", "per_page", "size", "sz", "depth", "offset", "count",
           "after", "before", "after_id", "from_id", "fromid", "with_id")  # fmt: skip
_TIME = ("timestamp", "time", "ts", "t", "starttime", "endtime", "start_time", "end_time", "start", "end", "since",
         "until", "from", "to", "recvwindow", "recv_window", "nonce")  # fmt: skip
_SIGNATURE = ("signature", "sign", "sig", "apikey", "api_key", "accesskeyid", "signaturemethod", "signatureversion")
IGNORED = frozenset((*_PAGING, *_TIME, *_SIGNATURE))
# An answer recorded for one of these is no answer to a call that names none: that asks for all of them.
IDENTITY = frozenset(
    ("symbol", "symbols", "instid", "instrument", "instrument_name", "contract", "contract_code", "currency_pair",
     "currency", "pair", "coin", "market", "market_id", "product_id", "ticker", "user")
)  # fmt: skip


@dataclass(slots=True)
class _Series:
    """Entries for one request, oldest first."""

    fields: Mapping[str, str]
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.entries.sort(key=lambda each: each.started or 0.0)

    def at(self, elapsed: float, replay_at: float | None) -> Entry:
        """The newest entry not later than the playing moment; before the first one, the first."""
        begun = self.entries[0].started or 0.0
        moment = (begun if replay_at is None else replay_at) + elapsed
        found = self.entries[0]
        for entry in self.entries:
            if (entry.started or 0.0) <= moment:
                found = entry
        return found


class Replay:
    """All recordings, playing since it was built. Without `replay_at` every series starts at its own first entry."""

    def __init__(
        self, entries: list[Entry], *, replay_at: datetime | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._replay_at = None if replay_at is None else replay_at.timestamp()
        self._clock = clock
        self._started = clock()
        self._series: dict[tuple[str, str, str], list[_Series]] = {}
        for entry in entries:
            self._series_of(entry).add(entry)

    async def answer(self, call: Call) -> Answer:
        """The recorded answer that fits best; a 404 that says so when none does."""
        asked = fields_of(call.query, call.body, call.headers.get("content-type", ""))
        series = self._best((call.method, call.host, call.path), asked)
        if series is None:
            return problem(404, f"no recording fits {call.method} {call.url}")
        entry = series.at(self._clock() - self._started, self._replay_at)
        # An empty Date tells the server to send none: the moment of the recording isn't known.
        date = "" if entry.started is None else formatdate(entry.started, usegmt=True)
        return Answer(entry.status, entry.body, {**entry.headers, "Date": date})

    def _series_of(self, entry: Entry) -> _Series:
        fields = _selecting(entry.fields)
        known = self._series.setdefault((entry.method, entry.host, entry.path), [])
        for series in known:
            if series.fields == fields:
                return series
        known.append(_Series(fields))
        return known[-1]

    def _best(self, place: tuple[str, str, str], asked: Mapping[str, str]) -> _Series | None:
        wanted = _selecting(asked)
        fitting = [series for series in self._series.get(place, ()) if _fits(series.fields, wanted)]
        # The most of what was asked for; then the least of what wasn't; then the likest in paging and the rest, and
        # at last the widest answer, since an unasked filter should take away as little as it can.
        return max(
            fitting,
            key=lambda series: (
                len(series.fields.keys() & wanted.keys()),
                -len(series.fields),
                max(len(entry.fields.items() & asked.items()) for entry in series.entries),
                max(len(entry.body) for entry in series.entries),
            ),
            default=None,
        )


def _fits(recorded: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether nothing in the recorded request selects something other than what is wanted."""
    return all(
        wanted[name] == value if name in wanted else name.rpartition(".")[2].lower() not in IDENTITY
        for name, value in recorded.items()
    )


def _selecting(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name.rpartition(".")[2].lower() not in IGNORED}
