"""What a run of distribution decides by and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.accounts.types import TierPolicy
from apps.distribution.enums import DistributionState, Reason
from apps.opportunities.types import Family


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that hold for one recipient and one family; None is unlimited. `min_net_edge` is a fraction of
    notional, `min_strength` of a signal is in [0, 1]."""

    session_s: int | None
    delay_s: int
    daily: int | None
    cycle_cap: int | None
    cooldown_s: int
    min_net_edge: Decimal
    min_strength: float


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whoever may be told: a person, or a group that somebody registered.

    `id` is the person's, or that of a group's endpoint: an address that is registered anew has still had what it had.
    `weight` multiplies the time that somebody has waited, None is before everybody with a weight."""

    id: UUID
    user_id: UUID
    policy: TierPolicy
    weight: int | None
    joined_at: datetime
    active_at: datetime
    group_id: UUID | None = None

    @property
    def endpoint_id(self) -> UUID | None:
        """The one address that is written to; None is the person's own routes."""
        return None if self.group_id is None else self.id


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in line: when they were last given anything, how often lately, how often in this run."""

    served_at: datetime | None = None
    times: int = 0
    this_run: int = 0


@dataclass(frozen=True, slots=True)
class Active:
    """An active opportunity, as far as distribution looks at it.

    `net_edge` is a fraction of notional and None where no edge is promised; then there is a `strength`. At most
    `max_participants` people are told (None: no limit). What has an owner is theirs alone."""

    id: UUID
    fingerprint: str
    kind: str
    net_edge: Decimal | None
    strength: float | None
    activated_at: datetime
    expires_at: datetime
    max_participants: int | None
    owner_id: UUID | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One recipient and one opportunity, with all that the decision depends on."""

    active_at: datetime  # when the person, or the group's owner, last did anything
    reachable: bool
    seen_today: bool  # counts no second time
    given_today: int
    wanted: bool  # by the recipient's own preferences
    on_own_exchanges: bool  # or the person does not mind
    net_edge: Decimal | None
    strength: float | None
    last_given_at: datetime | None  # when this recipient was last told of this fingerprint
    due_at: datetime
    given_this_cycle: int
    is_group: bool
    places_left: int | None  # how many more people the opportunity may be given to; None is no limit


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a candidate, with the reason unless it is notified."""

    state: DistributionState
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A decision that has to be stored. `daily`: what the recipient may see a day of this family; None is unlimited."""

    recipient: Recipient
    opportunity: Active
    family: Family
    due_at: datetime
    decision: Decision
    daily: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision on record."""

    recipient_id: UUID
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


@dataclass(frozen=True, slots=True)
class Spread:
    """How durations lie, in seconds; None where there are none."""

    p50: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Decisions counted by what became of them, and messages by what the notifications room says of them.

    `told_after` counts from the moment when the recipient's tier may know, `delivered_after` from there as well."""

    as_of: datetime
    since: datetime | None
    told: int
    scheduled: int
    dropped: int
    refused: dict[str, int]
    messages: dict[str, int]
    told_after: Spread
    delivered_after: Spread


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """What the house says of alert triggers: seconds between two messages of one and messages an hour, for those that
    say nothing of it, and the least and the most that they may say."""

    cool_down_s: int
    cool_down_min_s: int
    per_hour: int
    per_hour_max: int


@dataclass(frozen=True, slots=True)
class AlertRun:
    """What one look at the triggers came to: how many were looked at, how many spoke, how many were kept from it."""

    looked_at: int = 0
    fired: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class AlertTest:
    """What a trigger would do now. `holds` is None where nobody knows, for want of usable data, or where nothing can go
    on holding; `fires` is whether it would speak, `reason` why not; `says` is its message, empty where there is
    nothing to say."""

    holds: bool | None
    fires: bool
    reason: str
    title: str
    lines: tuple[str, ...]
    evidence: Mapping[str, Any]
    age_s: int | None
