"""What happens, in sentences: turns published events into lines for people."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Facts = Callable[[str], Mapping[str, Any]]


class Story:
    """Tells events. Readings and deliveries come many a second, so they are summed up until `summary` is asked for.

    `facts(opportunity_id)` gives the facts of one opportunity as messages have them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._read: dict[str, int] = {}
        self._refused: Counter[str] = Counter()
        self._delivered = 0
        self._failed = 0
        self._channels: set[str] = set()
        self._told: dict[str, Callable[[Data], list[str]]] = {
            "SnapshotStored": self._snapshot,
            "FeedStateChanged": self._feed,
            "OpportunitiesActive": self._found,
            "OpportunitiesEnded": self._ended,
            "DeliveriesFinished": self._deliveries,
        }

    def tell(self, kind: str, data: Data) -> list[str]:
        """The lines that this event is worth at once; none for an event nobody waits for."""
        teller = self._told.get(kind)
        return teller(data) if teller else []

    def summary(self) -> list[str]:
        """What was summed up since the last summary."""
        lines = []
        if self._read:
            feeds = ", ".join(f"{feed} {rows:,}" for feed, rows in sorted(self._read.items()))
            refused = sum(self._refused.values())
            lines.append(f"read       {feeds}" + (f"; {refused:,} rows refused" if refused else ""))
        if self._delivered or self._failed:
            failed = f"; {self._failed} failed for good" if self._failed else ""
            lines.append(f"delivered  {self._delivered:,} messages by {', '.join(sorted(self._channels))}{failed}")
        self._read, self._refused, self._channels = {}, Counter(), set()
        self._delivered = self._failed = 0
        return lines

    def _snapshot(self, data: Data) -> list[str]:
        feed = f"{data['exchange']} {data['kind']}"
        self._read[feed] = data["rows"]
        self._refused[feed] += data["refused"]
        return []

    def _feed(self, data: Data) -> list[str]:
        return [f"feed       {data['exchange']} {data['kind']} is {data['state']}" + _reason(data["reason"])]

    def _found(self, data: Data) -> list[str]:
        return [_opportunity(self._facts(opportunity_id)) for opportunity_id in data["opportunity_ids"]]

    def _ended(self, data: Data) -> list[str]:
        count = len(data["opportunity_ids"])
        return (
            [f"over       {count} opportunit{'y' if count == 1 else 'ies'}" + _reason(data["reason"])] if count else []
        )

    def _deliveries(self, data: Data) -> list[str]:
        self._delivered += data["delivered"]
        self._failed += data["failed"]
        self._channels.update(data["channels"])
        return []


def _reason(reason: str) -> str:
    return f": {reason}" if reason else ""


def _opportunity(facts: Mapping[str, Any]) -> str:
    found = f"found      {facts['kind_label']} {facts['symbol']}: {facts['legs_text']}; "
    if facts["net_edge_percent"] is None:
        return (
            f"{found}{facts['signal_rule']} ({facts['signal_timeframes']}), "
            f"strength {facts['signal_strength_percent']} %, no edge, {facts['origin']}"
        )
    return (
        f"{found}net {facts['net_edge_percent']} % of {facts['size']} USD "
        f"(gross {facts['gross_edge_percent']} %), {facts['origin']}"
    )
