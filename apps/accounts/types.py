"""What a tier grants, and this room's news, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from apps.core.events import Event


class DailyQuota(TypedDict):
    """Distinct opportunities a user may see in a day, by family; None is unlimited."""

    arbitrage: int | None
    technical: int | None


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """The numbers of one column of the tier table.

    `list_limit`: rows in one answer; `daily`: distinct opportunities a day; `delay_s`: seconds between an opportunity
    becoming active and being shown; `analytics_days`: how far back one's own analytics go, None is all.
    """

    name: str
    list_limit: int
    daily: DailyQuota
    delay_s: int
    analytics_days: int | None = None


@dataclass(frozen=True, slots=True)
class LettersWritten(Event):
    """Somebody is owed a letter by this room (a code, a notice about the account): it can be posted now."""


@dataclass(frozen=True, slots=True)
class TierChanged(Event):
    """What a user's account opens has changed; it is stored already."""

    user_id: UUID
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LetterOwed:
    """A letter with its text opened, for the room that can reach people.

    `to_address`: it goes to the address that the account signs in with and nowhere else, even before that is proven;
    `proven` says whether it is. `repr` never shows the text, which may hold a code."""

    id: UUID
    user_id: UUID
    email: str
    proven: bool
    to_address: bool
    title: str
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ExchangeKeyDue(Event):
    """Somebody's exchange key is to be checked now."""

    key_id: UUID


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key to an exchange with its credentials opened, for the room that asks; `repr` never shows them."""

    id: UUID
    user_id: UUID
    exchange: str
    credentials: Mapping[str, str] = field(repr=False)
