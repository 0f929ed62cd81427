"""What a run of distribution decides by and reports."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from apps.accounts.types import TierPolicy
from apps.distribution.enums import DistributionState, Reason


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that hold for one person; None is unlimited."""

    delay_s: int
    daily: int | None
    cycle_cap: int | None
    cooldown_s: int
    min_net_edge: Decimal


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be told; `rank` orders tiers."""

    id: UUID
    rank: int
    policy: TierPolicy


@dataclass(frozen=True, slots=True)
class Active:
    """An active opportunity, as far as distribution looks at it. `net_edge` is a fraction of notional."""

    id: UUID
    fingerprint: str
    kind: str
    net_edge: Decimal
    activated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person and one opportunity, with all that the decision depends on."""

    reachable: bool
    net_edge: Decimal
    due_at: datetime
    last_given_at: datetime | None  # when this person was last told of this fingerprint
    given_today: int
    given_this_cycle: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a candidate, with the reason unless it is notified."""

    state: DistributionState
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision on record."""

    user_id: UUID
    opportunity_id: UUID
    state: str
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class RunReport:
    """How many decisions a run wrote, by their state."""

    notified: int = 0
    scheduled: int = 0
    refused: int = 0
    dropped: int = 0
