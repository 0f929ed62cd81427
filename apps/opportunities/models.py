"""Rows of the opportunities room: opportunities, what became of them, and what people want and did of them."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.opportunities.enums import (
    Automation,
    AutomationScope,
    Context,
    ExecutionMode,
    Experience,
    FeedbackState,
    Focus,
    IgnoredBecause,
    OpportunityKind,
    OpportunityStatus,
    Origin,
    Risk,
    Side,
)

TWO_LEGGED = (OpportunityKind.FUNDING_RATE, OpportunityKind.SPOT_PERP, OpportunityKind.CROSS_EXCHANGE)
# One leg and a strength instead of an edge: nothing is priced on order books, nothing is promised.
SIGNALS = (OpportunityKind.TECHNICAL,)
CYCLE_LENGTHS = (3, 4)
RULE_SIDES = [(side.value, side.value) for side in Side]
OPEN = (OpportunityStatus.DETECTED, OpportunityStatus.ACTIVE)
# An active row that could not be priced again for this long is not believed, whatever its risk: the books of a few
# hundred rows take turns of a minute.
PRICE_BELIEVED_FOR = timedelta(minutes=2)


def price_disbelieved(now: datetime) -> Q:
    """Rows whose price is too old at `now`, or from the future as far: then our clock was set back."""
    return Q(priced_at__lte=now - PRICE_BELIEVED_FOR) | Q(priced_at__gte=now + PRICE_BELIEVED_FOR)


def _edge(*, null: bool = False) -> models.DecimalField:
    """A fraction of notional."""
    return models.DecimalField(max_digits=15, decimal_places=8, null=null, blank=null)


def _dollars() -> models.DecimalField:
    return models.DecimalField(max_digits=20, decimal_places=4, default=Decimal(0))


class OpportunityQuerySet(models.QuerySet["Opportunity"]):
    """Reads that writes begin with."""

    def with_edge(self) -> "OpportunityQuerySet":
        """Only kinds that promise an edge, which order books price."""
        return self.exclude(kind__in=SIGNALS)

    def locked(self, *, skip: bool = False) -> "OpportunityQuerySet":
        """These rows, locked until the transaction ends, always in the same order: two workers never wait in a circle.

        With `skip` those that somebody else holds are left out instead of waited for."""
        return self.order_by("pk").select_for_update(skip_locked=skip)


class Opportunity(models.Model):
    """One episode of one edge: figures of the best prices while `detected`, later those at `size` on the books.

    Edges are fractions of notional, `size`, `optimal_notional` and `max_notional` dollars, `profit` quote currency.
    Signals have a `strength` in [0, 1] instead of an edge and a size. Personal rows are of their `owner` alone.
    """

    id = models.UUIDField(primary_key=True, editable=False, help_text="UUIDv5 of fingerprint and opening time")
    fingerprint = models.CharField(max_length=64, help_text="sha256 of kind, instrument and legs")
    kind = models.CharField(max_length=20, choices=OpportunityKind.choices)
    instrument = models.CharField(max_length=40)
    symbol = models.CharField(max_length=80)
    quote = models.CharField(max_length=40, help_text="currency of prices and profit")
    status = models.CharField(max_length=10, choices=OpportunityStatus.choices, default=OpportunityStatus.DETECTED)
    gross_edge = _edge(null=True)
    net_edge = _edge(null=True)
    net_apr = _edge(null=True)
    peak_net_edge = _edge(null=True)
    strength = models.FloatField(null=True, blank=True, help_text="of a signal, in [0, 1]; it is no edge")
    size = _dollars()
    optimal_notional = _dollars()
    max_notional = _dollars()
    profit = models.DecimalField(max_digits=24, decimal_places=8, default=Decimal(0))
    max_participants = models.PositiveIntegerField(
        null=True, blank=True, help_text="So many people are told of it at most; empty = no limit."
    )
    risk = models.CharField(max_length=8, choices=Risk.choices, default=Risk.HIGH)
    confidence = models.FloatField(default=0.0)
    score = models.FloatField(default=0.0)
    legs = models.JSONField(help_text="[{exchange, symbol, market_id, side, price, amount, rate, fee}]")
    leg_count = models.PositiveSmallIntegerField()
    details = models.JSONField(default=dict, help_text="what else a trader of this kind wants to know")
    evidence = models.JSONField(default=dict, help_text="everything the net edge was computed from")
    context = models.CharField(max_length=10, choices=Context.choices, default=Context.GLOBAL)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="opportunities"
    )
    rule = models.ForeignKey(
        "TechnicalRule", on_delete=models.SET_NULL, null=True, blank=True, related_name="opportunities"
    )
    origin = models.CharField(max_length=10, choices=Origin.choices)
    opened_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    priced_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True, default="")

    objects = OpportunityQuerySet.as_manager()

    class Meta:
        ordering = ["-score", "id"]
        verbose_name_plural = "opportunities"
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"], condition=Q(status__in=OPEN), name="opportunity_open_fingerprint_once"
            ),
            models.CheckConstraint(condition=Q(net_edge__lte=F("gross_edge")), name="opportunity_net_within_gross"),
            models.CheckConstraint(
                condition=Q(kind__in=TWO_LEGGED, leg_count=2)
                | Q(kind=OpportunityKind.TRIANGULAR, leg_count__in=CYCLE_LENGTHS)
                | Q(kind__in=SIGNALS, leg_count=1),
                name="opportunity_legs_of_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=SIGNALS,
                    gross_edge__isnull=True,
                    net_edge__isnull=True,
                    net_apr__isnull=True,
                    peak_net_edge__isnull=True,
                    strength__isnull=False,
                    strength__gte=0,
                    strength__lte=1,
                )
                | (
                    ~Q(kind__in=SIGNALS)
                    & Q(gross_edge__isnull=False, net_edge__isnull=False, peak_net_edge__isnull=False)
                    & Q(strength__isnull=True)
                ),
                name="opportunity_edge_or_strength",
            ),
            models.CheckConstraint(
                condition=Q(context=Context.PERSONAL, owner__isnull=False)
                | (~Q(context=Context.PERSONAL) & Q(owner__isnull=True)),
                name="opportunity_personal_owned",
            ),
            models.CheckConstraint(
                condition=~Q(status=OpportunityStatus.ACTIVE) | Q(activated_at__isnull=False),
                name="opportunity_active_since",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, closed_at__isnull=True)
                | (~Q(status__in=OPEN) & Q(closed_at__isnull=False)),
                name="opportunity_ended_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-score"], name="opportunity_listed"),
            models.Index(fields=["fingerprint", "-closed_at"], name="opportunity_episodes"),
            models.Index(fields=["-opened_at"], name="opportunity_recent"),
            models.Index(fields=["closed_at"], name="opportunity_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.symbol} {self.status}"

    @property
    def market_ids(self) -> tuple[int, ...]:
        """Market ids of the legs, in the legs' order."""
        return tuple(leg["market_id"] for leg in self.legs)


class TechnicalRule(models.Model):
    """Conditions on indicators that make a signal: the house's own (without an owner), or one person's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="technical_rules"
    )
    shipped = models.CharField(
        max_length=40, unique=True, null=True, blank=True, editable=False, help_text="name of a rule that is shipped"
    )
    name = models.CharField(max_length=80)
    side = models.CharField(max_length=4, choices=RULE_SIDES, help_text="what the signal says to do")
    conditions = models.JSONField(help_text="what has to hold at the last closed bars; docs/opportunities.md tells how")
    exchanges = models.JSONField(default=list, blank=True, help_text="only on these; empty: on all that are read")
    symbols = models.JSONField(default=list, blank=True, help_text="only these symbols or assets; empty: all")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(owner__isnull=True) | Q(shipped__isnull=True), name="technical_rule_shipped_is_global"
            ),
        ]
        indexes = [models.Index(fields=["owner", "created_at"], name="technical_rule_of_owner")]

    def __str__(self) -> str:
        return self.name


class Markout(models.Model):
    """The net edge of an opportunity at its alerted size, `horizon_s` seconds after the alert: is what we send true?"""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="markouts")
    horizon_s = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    # Text, since SQLite keeps 15 digits of a decimal and this one has to come back as it went in.
    quantity = models.CharField(max_length=60, help_text="units of the instrument that the alert spoke of")
    measured_at = models.DateTimeField(null=True, blank=True)
    net_edge = _edge(null=True)
    book_age_ms = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True, default="", help_text="why there is no figure")

    class Meta:
        ordering = ["opportunity_id", "horizon_s"]
        constraints = [models.UniqueConstraint(fields=["opportunity", "horizon_s"], name="markout_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(measured_at__isnull=True, reason=""), name="markout_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id} +{self.horizon_s} s"


class OpportunityFeedback(models.Model):
    """What one person did with one opportunity: each state once, with the moment of its first time."""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="opportunity_feedback")
    state = models.CharField(max_length=10, choices=FeedbackState.choices)
    reason = models.CharField(max_length=16, choices=IgnoredBecause.choices, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="", help_text="in the person's own words")
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["-given_at", "-id"]
        verbose_name_plural = "opportunity feedback"
        constraints = [
            models.UniqueConstraint(fields=["user", "opportunity", "state"], name="feedback_once_per_state"),
            models.CheckConstraint(
                condition=(Q(state=FeedbackState.IGNORED) & ~Q(reason=""))
                | (~Q(state=FeedbackState.IGNORED) & Q(reason="")),
                name="feedback_reason_if_ignored",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.opportunity_id}"


class EdgePoint(models.Model):
    """The net edge of an opportunity at its size at one moment: how it went, in at most one point per `slot`."""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="edge_points")
    slot = models.PositiveSmallIntegerField(help_text="which part of its life; parts get longer with its age")
    at = models.DateTimeField(db_index=True)
    net_edge = _edge()
    size = _dollars()

    class Meta:
        ordering = ["opportunity_id", "slot"]
        constraints = [models.UniqueConstraint(fields=["opportunity", "slot"], name="edge_point_once")]

    def __str__(self) -> str:
        return f"{self.opportunity_id} {self.at:%H:%M:%S}"


class Execution(models.Model):
    """One person's taking of an opportunity: on paper, at what the order books of that moment gave.

    `asked` and `size` in dollars, edges fractions of notional, `profit` in quote currency."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="executions")
    # Outlives the retention of opportunities: it is the person's.
    opportunity = models.ForeignKey(
        Opportunity, on_delete=models.SET_NULL, null=True, blank=True, related_name="executions"
    )
    mode = models.CharField(max_length=8, choices=ExecutionMode.choices, default=ExecutionMode.PAPER)
    kind = models.CharField(max_length=20, choices=OpportunityKind.choices)
    symbol = models.CharField(max_length=80)
    quote = models.CharField(max_length=40, help_text="currency of prices and profit")
    asked = _dollars()
    size = _dollars()
    gross_edge = _edge()
    net_edge = _edge()
    profit = models.DecimalField(max_digits=24, decimal_places=8)
    legs = models.JSONField(help_text="[{exchange, symbol, market_id, side, price, amount, rate, fee}]")
    evidence = models.JSONField(help_text="everything the net edge was computed from")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    executed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-executed_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(net_edge__lte=F("gross_edge")), name="execution_net_within_gross"),
            models.CheckConstraint(condition=Q(size__gt=0), name="execution_has_size"),
        ]
        indexes = [models.Index(fields=["user", "-executed_at"], name="execution_of_user")]

    def __str__(self) -> str:
        return f"{self.mode} {self.symbol} {self.size} USD"


class Preferences(models.Model):
    """What one person wants to see of the list, empty = everything; and how they trade."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="opportunity_preferences"
    )
    kinds = models.JSONField(default=list, blank=True, help_text="only these kinds")
    categories = models.JSONField(default=list, blank=True, help_text="only what is in one of these categories")
    symbols = models.JSONField(default=list, blank=True, help_text="only these symbols (BTC/USDT) or assets (BTC)")
    exchanges = models.JSONField(
        default=list, blank=True, help_text="where the person has accounts; opportunities there are their personal ones"
    )
    own_exchanges_only = models.BooleanField(
        default=False, help_text="only opportunities with every leg on the person's own exchanges, once some are named"
    )
    focus = models.CharField(
        max_length=10,
        choices=Focus.choices,
        blank=True,
        default="",
        help_text="what the list is mixed of; empty = everything by its score",
    )
    min_net_edge = _edge(null=True)
    max_risk = models.CharField(
        max_length=8, choices=Risk.choices, default=Risk.HIGH, help_text="the risk tolerance: nothing riskier"
    )
    experience = models.CharField(max_length=12, choices=Experience.choices, default=Experience.BEGINNER)
    automation = models.CharField(
        max_length=16, choices=Automation.choices, default=Automation.MANUAL, help_text="what the person chose"
    )
    automation_scope = models.CharField(
        max_length=10, choices=AutomationScope.choices, default=AutomationScope.ARBITRAGE
    )
    trading_from = models.TimeField(null=True, blank=True, help_text="by the clocks of the person's own time zone")
    trading_to = models.TimeField(null=True, blank=True)
    trading_days = models.JSONField(
        default=list, blank=True, help_text="ISO days on which trading hours begin (Monday is 1); empty = all"
    )
    max_leverage = models.DecimalField(
        max_digits=5, decimal_places=2, default=Decimal(1), validators=[MinValueValidator(Decimal(1))]
    )
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "preferences"
        constraints = [
            models.CheckConstraint(
                condition=Q(trading_from__isnull=True, trading_to__isnull=True)
                | (Q(trading_from__isnull=False, trading_to__isnull=False) & ~Q(trading_from=F("trading_to"))),
                name="preferences_trading_hours",
            ),
            models.CheckConstraint(condition=Q(max_leverage__gte=1), name="preferences_leverage"),
        ]

    # Venues that a valid exchange key of the person's reaches: no column, told by who loads the row.
    keyed: frozenset[str] = frozenset()

    @property
    def own_exchanges(self) -> frozenset[str]:
        """Where the person has accounts: those that they named, and those that they have keys of."""
        return self.keyed.union(self.exchanges)

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"

    @property
    def wants_signals(self) -> bool:
        """Whether technical signals of the house are welcome unasked: who never named them gets arbitrage alone."""
        return self.focus in (Focus.HYBRID, Focus.TECHNICAL) or OpportunityKind.TECHNICAL in self.kinds


class PreferencesVersion(models.Model):
    """What somebody's preferences were from `at` on, so that they can go back; the newest fifty."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences_versions")
    number = models.PositiveIntegerField(help_text="1 is what they were before the first change")
    wishes = models.JSONField(help_text="every preference by its name")
    changes = models.JSONField(default=dict, help_text="by name: what it was and what it became")
    reason = models.CharField(max_length=60, help_text="before, changed, preset:<name> or rollback:<number>")
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["user", "number"], name="preferences_version_number")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.user_id}"


class Seen(models.Model):
    """One opportunity that one person has seen on one day, in the list or in a message: what daily quotas count.

    Only of people whose day is limited; forgotten after some days."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # No foreign key: what was seen stays seen when the opportunity is forgotten.
    opportunity_id = models.UUIDField()
    family = models.CharField(max_length=10, help_text="kinds of one family share a quota")
    day = models.DateField(help_text="UTC")
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-seen_at", "id"]
        verbose_name_plural = "seen"
        constraints = [models.UniqueConstraint(fields=["user", "day", "opportunity_id"], name="seen_once_a_day")]
        indexes = [models.Index(fields=["day"], name="seen_day")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day} {self.opportunity_id}"


class Lifetime(models.Model):
    """How the episodes of one kind and instrument went in the last weeks; measured anew every few minutes.

    Edges are means of fractions of notional, over the episodes that became active."""

    kind = models.CharField(max_length=20)
    instrument = models.CharField(max_length=40)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    episodes = models.PositiveIntegerField()
    running = models.PositiveIntegerField(help_text="of them active now")
    half_life_s = models.FloatField(
        null=True, blank=True, help_text="seconds after which half of them are over; empty = fewer were seen to end"
    )
    longest_s = models.FloatField(help_text="seconds that the longest one has lasted")
    net_edge = _edge(null=True)
    peak_net_edge = _edge(null=True)
    measured = models.PositiveIntegerField(default=0, help_text="alerts whose edge was measured 30 s later")
    kept_share = models.FloatField(null=True, blank=True, help_text="part of those that still had an edge")
    viewed = models.PositiveIntegerField(default=0)
    executed = models.PositiveIntegerField(default=0)
    ignored = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    measured_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "instrument"]
        constraints = [models.UniqueConstraint(fields=["kind", "instrument", "origin"], name="lifetime_once")]
        indexes = [models.Index(fields=["instrument"], name="lifetime_instrument")]

    def __str__(self) -> str:
        return f"{self.kind} {self.instrument}"
