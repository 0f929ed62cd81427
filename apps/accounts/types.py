"""What a tier grants, as plain values."""

from dataclasses import dataclass
from typing import TypedDict


class DailyQuota(TypedDict):
    """Distinct opportunities a user may see in a day, by family; None is unlimited."""

    arbitrage: int | None
    technical: int | None


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """The numbers of one column of the tier table.

    `list_limit`: rows in one answer; `daily`: distinct opportunities a day; `delay_s`: seconds between an opportunity
    becoming active and being shown.
    """

    name: str
    list_limit: int
    daily: DailyQuota
    delay_s: int
