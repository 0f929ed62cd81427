"""What opportunities hands to other rooms: its news and the facts of an alert."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict
from uuid import UUID

from apps.core.events import Event

# Kinds of one family share a daily quota of a tier.
Family: TypeAlias = Literal["arbitrage", "technical"]


@dataclass(frozen=True, slots=True)
class Sight:
    """One person is about to see one opportunity; at most `daily` of its family a day."""

    user_id: UUID
    opportunity_id: UUID
    family: Family
    daily: int


@dataclass(frozen=True, slots=True)
class CandidatesFound(Event):
    """Order books of these markets are wanted; `found` candidates passed the scan."""

    market_ids: tuple[int, ...]
    found: int


@dataclass(frozen=True, slots=True)
class OpportunitiesActive(Event):
    """These opportunities (ids as text) have just become active."""

    opportunity_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpportunitiesEnded(Event):
    """These active opportunities (ids as text) are over, all for the same reason."""

    opportunity_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class MarkoutsDue(Event):
    """Order books of these markets are wanted to measure what became of alerts."""

    market_ids: tuple[int, ...]


class AlertLeg(TypedDict):
    """One leg in an alert; figures as text, ready to be shown."""

    exchange: str
    symbol: str
    side: str
    amount: str
    base: str
    price: str
    fee_percent: str
    funding_percent: str | None
    words: str


class AlertFacts(TypedDict):
    """JSON-able facts of an opportunity for message templates; percentages and money are text, times ISO 8601 UTC.

    Edges are None for signals; what begins with `signal_` is None for all others."""

    id: str
    kind: str
    kind_label: str
    symbol: str
    instrument: str
    quote: str
    status: str
    legs: list[AlertLeg]
    legs_text: str
    gross_edge_percent: str | None
    net_edge_percent: str | None
    net_apr_percent: str | None
    net_if_converged_percent: str | None
    size: str
    max_notional: str
    profit: str
    break_even_hours: str | None
    risk: str
    risk_words: str
    confidence: float
    age_s: int
    origin: str
    origin_words: str
    opened_at: str
    expires_at: str
    url: str
    caution: str
    signal_strength_percent: str | None
    signal_rule: str | None
    signal_timeframes: str | None
    signal_stop: str | None
    signal_target: str | None
