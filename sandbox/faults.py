"""Faults that a test or an operator asks for: which calls they hit and what they do to them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import msgspec

GARBAGE = b'<html><head><title>502 Bad Gateway</title></head>\x00\xff{"broken": '


class Fault(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One rule. `host` and `path` are globs, `method` an exact one; the rest says what happens to the calls it hits.

    `status` answers with that status (in the host's own words) and the host never sees the call; with `retry_after`
    (seconds) alone the status is 429. `garbage` answers 200 with bytes that are no JSON. `latency_s` waits first.
    `cut` drops the connection: `before` the host sees the call (also `true`), in the `middle` of its answer, or `after`
    the host took the call but before a byte of its answer. `silence` says nothing more on an open websocket (see
    `sandbox.sockets.gateway` for what the others do there). `clock_s` is by how many seconds the host's clock is fast
    (negative: slow), in its bodies and its `Date`. `body` replaces the body of the answer. At most
    `count` calls; until the moment `until` (ISO 8601 or Unix seconds) or for `seconds`; with `probability`.
    """

    host: str = "*"
    path: str = "*"
    method: str | None = None
    status: int | None = None
    retry_after: float | None = None
    latency_s: float = 0.0
    cut: bool | str = False
    garbage: bool = False
    silence: bool = False
    clock_s: float = 0.0
    body: Any = None
    probability: float = 1.0
    count: int | None = None
    until: float | str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what would never do anything or can't be meant."""
        if self.cut not in (False, True, "before", "middle", "after"):
            raise ValueError("cut must be true, before, middle or after")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError("probability must lie between 0 and 1")
        if self.status is not None and not 100 <= self.status <= 599:
            raise ValueError("status must be an HTTP status (SMTP replies too lie between 100 and 599)")
        does = (self.status, self.retry_after, self.latency_s, self.cut, self.garbage, self.silence, self.clock_s)
        if not any(does) and self.body is None:
            raise ValueError(
                "the fault does nothing: give status, retry_after, latency_s, cut, garbage, silence, clock_s or body"
            )

    def ends_at(self, now: float) -> float:
        """Unix seconds at which a fault put in force `now` is over."""
        ends = float("inf") if self.seconds is None else now + self.seconds
        if isinstance(self.until, str):
            return min(ends, datetime.fromisoformat(self.until).timestamp())
        return ends if self.until is None else min(ends, self.until)

    @property
    def cut_at(self) -> str:
        """`before`, `middle`, `after` or nothing."""
        return "before" if self.cut is True else self.cut or ""


@dataclass(slots=True)
class _Rule:
    fault: Fault
    ends_at: float
    hits: int = field(default=0)


class FaultTable:
    """The rules in force; the first that hits a call is applied."""

    def __init__(self, seed: int, clock: Callable[[], float] = time.time) -> None:
        self._seed = seed
        self._clock = clock
        self._rules: list[_Rule] = []
        self._random = random.Random(seed)

    def replace(self, faults: list[Fault]) -> None:
        """Put these in force instead of the present ones; the dice start anew, so runs with one seed are alike."""
        now = self._clock()
        self._rules = [_Rule(fault, fault.ends_at(now)) for fault in faults]
        self._random = random.Random(self._seed)

    def hit(self, *, host: str, path: str, method: str) -> Fault | None:
        """The fault for this call, counted; None when it goes through unharmed."""
        if not self._rules:
            return None
        now = self._clock()
        for rule in self._rules:
            if self._fits(rule, host, path, method, now):
                rule.hits += 1
                return rule.fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        """The rules in force with how often each hit."""
        return [{**msgspec.to_builtins(rule.fault), "hits": rule.hits} for rule in self._rules]

    def _fits(self, rule: _Rule, host: str, path: str, method: str, now: float) -> bool:
        fault = rule.fault
        return (
            now < rule.ends_at
            and (fault.count is None or rule.hits < fault.count)
            and fault.method in (None, method)
            and fnmatchcase(host, fault.host)
            and fnmatchcase(path, fault.path)
            and (fault.probability >= 1.0 or self._random.random() < fault.probability)
        )
