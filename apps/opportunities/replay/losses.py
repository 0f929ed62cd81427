"""What of a recording was not used, and why: every row is accounted for."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

# So many rows of one reason are named; the others are counted.
NAMED: Final = 20


@dataclass(slots=True)
class Losses:
    """Rows by what was wrong with them, with the places of the first ones of each reason."""

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, place: str, *, rows: int = 1) -> None:
        """Count `rows` at `place` (a file and line, or a market)."""
        self.counts[reason] += rows
        named = self.places.setdefault(reason, [])
        if len(named) < NAMED and place not in named:
            named.append(place)

    def lines(self) -> list[str]:
        """One paragraph per reason, most frequent first: how many rows, and where the first ones are."""
        found = []
        for reason, count in self.counts.most_common():
            named = self.places[reason]
            more = " …" if len(named) == NAMED else ""
            found.append(f"{count:,} row{'s' if count > 1 else ''} {reason}: {', '.join(named)}{more}")
        return found
