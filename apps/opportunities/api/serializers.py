"""What an opportunity looks like from outside. Decimals are strings, times ISO 8601 in UTC."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core import clock
from apps.core.api.strict import StrictMixin
from apps.core.later import later
from apps.opportunities.api.requests import LIST_MAX, exchanges_checked
from apps.opportunities.categories import NAMES, Category, categories_of
from apps.opportunities.enums import OpportunityKind, Risk, Side
from apps.opportunities.legs import plain
from apps.opportunities.models import EdgePoint, Execution, Opportunity, OpportunityFeedback, TechnicalRule
from apps.opportunities.waterfall import waterfall_of

if TYPE_CHECKING:
    from apps.opportunities import evidence, selectors
    from apps.opportunities.pricing import Priced
    from apps.opportunities.technical import conditions
else:
    conditions = later("apps.opportunities.technical.conditions")
    evidence = later("apps.opportunities.evidence")
    selectors = later("apps.opportunities.selectors")


class LegSerializer(serializers.Serializer):
    """One side of an opportunity."""

    exchange = serializers.CharField(help_text="ccxt id of the exchange")
    symbol = serializers.CharField(help_text="ccxt unified symbol")
    market_id = serializers.IntegerField()
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    price = serializers.CharField(allow_null=True, help_text="volume-weighted at `size`, in quote currency")
    amount = serializers.CharField(allow_null=True, default=None, help_text="in base units of the listing")
    contracts = serializers.CharField(
        allow_null=True, default=None, help_text="the same in contracts, perpetuals only; null before it is priced"
    )
    rate = serializers.CharField(allow_null=True, default=None, help_text="funding rate per interval, perpetuals only")
    fee = serializers.CharField(allow_null=True, help_text="taker fee, fraction of notional")


class OpportunitySerializer(serializers.ModelSerializer):
    """A row of the list."""

    legs = LegSerializer(many=True, read_only=True)
    categories = serializers.SerializerMethodField()
    personal = serializers.SerializerMethodField()
    age = serializers.SerializerMethodField()

    class Meta:
        model = Opportunity
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "instrument",
            "symbol",
            "legs",
            "gross_edge",
            "net_edge",
            "net_apr",
            "strength",
            "size",
            "optimal_notional",
            "max_notional",
            "profit",
            "risk",
            "confidence",
            "score",
            "categories",
            "personal",
            "origin",
            "context",
            "opened_at",
            "activated_at",
            "last_seen_at",
            "expires_at",
            "age",
        )
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=NAMES)))
    def get_categories(self, opportunity: Opportunity) -> list[str]:
        """Names of the categories it belongs to."""
        return categories_of(opportunity)

    @extend_schema_field(serializers.BooleanField(help_text="Every leg is on one of the caller's own exchanges."))
    def get_personal(self, opportunity: Opportunity) -> bool:
        """Whether the caller could take all of it."""
        return selectors.is_personal(opportunity, selectors.preferences_of(self.context["request"].user))

    @extend_schema_field(serializers.FloatField(help_text="Seconds since it became active."))
    def get_age(self, opportunity: Opportunity) -> float:
        """Seconds since it became active, by the application's clock."""
        since = opportunity.activated_at or opportunity.opened_at
        return round((clock.now() - since).total_seconds(), 3)


class StepSerializer(serializers.Serializer):
    """A step from the gross edge to what is left; fractions of notional."""

    name = serializers.CharField()
    total = serializers.BooleanField(help_text="a sum, not a change of it")
    change = serializers.CharField(help_text="what it adds; a cost is negative")
    level = serializers.CharField(help_text="what is left with it")


class EdgePointSerializer(serializers.ModelSerializer):
    """The net edge at one moment, at the size of that moment (dollars)."""

    class Meta:
        model = EdgePoint
        fields = ("at", "net_edge", "size")
        read_only_fields = fields


class OpportunityDetailSerializer(OpportunitySerializer):
    """One opportunity with all that its net edge was computed from."""

    details = serializers.DictField(read_only=True, help_text="what else a trader of this kind wants to know")
    evidence = serializers.DictField(read_only=True, help_text="books, fees, funding and moments behind the net edge")
    net_edge_recomputed = serializers.SerializerMethodField()
    strength_recomputed = serializers.SerializerMethodField()
    waterfall = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()

    class Meta(OpportunitySerializer.Meta):
        fields = (
            *OpportunitySerializer.Meta.fields,
            "closed_at",
            "reason",
            "details",
            "evidence",
            "net_edge_recomputed",
            "strength_recomputed",
            "waterfall",
            "history",
        )
        read_only_fields = fields

    @extend_schema_field(
        serializers.CharField(
            allow_null=True,
            help_text="Computed now from `evidence` alone; equals `net_edge`. Null if an older formula wrote it, and "
            "for signals.",
        )
    )
    def get_net_edge_recomputed(self, opportunity: Opportunity) -> str | None:
        """The net edge that the evidence gives; a signal has none."""
        if opportunity.net_edge is None:
            return None
        try:
            return str(evidence.recompute(opportunity.evidence))
        except evidence.EvidenceUnreadable:
            return None

    @extend_schema_field(
        serializers.FloatField(
            allow_null=True, help_text="Of signals: computed now from `evidence` alone; equals `strength`."
        )
    )
    def get_strength_recomputed(self, opportunity: Opportunity) -> float | None:
        """The strength that the evidence gives; None for what promises an edge."""
        if opportunity.strength is None:
            return None
        try:
            return evidence.recompute_strength(opportunity.evidence)
        except evidence.EvidenceUnreadable:
            return None

    @extend_schema_field(StepSerializer(many=True))
    def get_waterfall(self, opportunity: Opportunity) -> list[dict[str, Any]]:
        """gross, each cost, net, and what a transfer would leave; as a picture at `waterfall.svg`."""
        return [
            {"name": step.name, "total": step.total, "change": f"{step.change:f}", "level": f"{step.end:f}"}
            for step in waterfall_of(opportunity)
        ]

    @extend_schema_field(EdgePointSerializer(many=True))
    def get_history(self, opportunity: Opportunity) -> Any:
        """How the net edge went, oldest first, the denser the younger it was; as a picture at `history.svg`."""
        return EdgePointSerializer(selectors.edge_points(opportunity), many=True).data


class RuleSerializer(StrictMixin, serializers.ModelSerializer):
    """One of the caller's rules of technical signals."""

    name = serializers.CharField(max_length=80)
    conditions = serializers.JSONField(
        help_text='`{"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}]}`'
    )
    exchanges = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=LIST_MAX, required=False, help_text="empty: all"
    )
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=LIST_MAX,
        required=False,
        help_text="symbols (BTC/USDT) or assets (BTC); empty: all",
    )

    class Meta:
        model = TechnicalRule
        fields = (
            "id",
            "name",
            "side",
            "conditions",
            "exchanges",
            "symbols",
            "is_enabled",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def validate_conditions(self, data: Any) -> Any:
        """Refuse what could not be judged, naming the place."""
        try:
            conditions.conditions_parse(data)
        except conditions.ConditionsInvalid as error:
            raise serializers.ValidationError(error.message, code=error.code) from error
        return data

    def validate_exchanges(self, names: list[str]) -> list[str]:
        """Only those that are read."""
        return exchanges_checked(names)


class LeadSerializer(serializers.Serializer):
    """How the signal of one rule and the arbitrage edges of the instrument go together; `lead` null = too little."""

    rule = serializers.UUIDField(source="rule.pk")
    name = serializers.CharField(source="rule.name")
    side = serializers.CharField(source="rule.side")
    lag_s = serializers.IntegerField(
        source="lead.lag_s", allow_null=True, default=None, help_text="above 0: the signal is ahead of the edge"
    )
    correlation = serializers.FloatField(source="lead.correlation", allow_null=True, default=None)
    points = serializers.IntegerField(source="lead.points", allow_null=True, default=None)
    p_value = serializers.FloatField(
        source="lead.p_value", allow_null=True, default=None, help_text="how often chance alone does as well"
    )
    significant = serializers.BooleanField(
        source="lead.significant", default=False, help_text="whether a link is claimed, at 5 %"
    )


class LeadsSerializer(serializers.Serializer):
    """Lead and lag of technical signals against arbitrage edges."""

    instrument = serializers.CharField()
    exchange = serializers.CharField()
    symbol = serializers.CharField(help_text="the market whose bars were read")
    timeframe = serializers.CharField(help_text="the conditions of every rule were put on bars of this length")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    results = LeadSerializer(many=True, source="leads")


class CategorySerializer(serializers.Serializer):
    """A category with the conditions that make it; null = none."""

    name = serializers.CharField()
    title = serializers.CharField()
    words = serializers.CharField()
    kinds = serializers.SerializerMethodField()
    max_risk = serializers.ChoiceField(choices=Risk.choices)
    min_net_edge = serializers.CharField(allow_null=True, help_text="fraction of notional")
    min_optimal = serializers.CharField(allow_null=True, help_text="of `optimal_notional`, dollars")
    min_confidence = serializers.FloatField(allow_null=True)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=OpportunityKind.choices)))
    def get_kinds(self, category: Category) -> list[str]:
        """The kinds that can belong to it."""
        return sorted(category.kinds())


class ExecutionSerializer(serializers.ModelSerializer):
    """What somebody took: dollars, fractions of notional, `profit` in quote currency."""

    legs = LegSerializer(many=True, read_only=True)

    class Meta:
        model = Execution
        fields = (
            "id",
            "opportunity_id",
            "mode",
            "kind",
            "symbol",
            "quote",
            "asked",
            "size",
            "gross_edge",
            "net_edge",
            "profit",
            "legs",
            "origin",
            "executed_at",
        )
        read_only_fields = fields


class FeedbackSerializer(serializers.ModelSerializer):
    """What the caller did with an opportunity; `given_at` is the first time that they said so."""

    class Meta:
        model = OpportunityFeedback
        fields = ("opportunity_id", "state", "reason", "note", "given_at")
        read_only_fields = fields


class OnBooksSerializer(serializers.Serializer):
    """What order books make of a candidate at the reference size; figures are text, fractions and dollars."""

    size = serializers.CharField(help_text="dollars, in whole lots; less than the reference where the books hold less")
    net_edge = serializers.CharField(help_text="below zero it is a loss")
    gross_edge = serializers.CharField()
    profit = serializers.CharField(help_text="in quote currency")
    optimal_notional = serializers.CharField(help_text="dollars up to which each further unit earns")
    max_notional = serializers.CharField(help_text="dollars at which the profit is gone, or where the books end")

    def to_representation(self, priced: "Priced") -> dict[str, Any]:
        """Every figure as text, never with an exponent."""
        figures = {
            "size": priced.size,
            "net_edge": priced.edges.net,
            "gross_edge": priced.edges.gross,
            "profit": priced.edges.profit,
            "optimal_notional": priced.optimal_notional,
            "max_notional": priced.max_notional,
        }
        return {name: plain(figure) for name, figure in figures.items()}


class SightSerializer(serializers.Serializer):
    """A candidate at the best prices, and on order books where those of all its legs are cached (fresh for 2 s: those
    of what is open here, or was just asked about)."""

    kind = serializers.ChoiceField(source="row.kind", choices=OpportunityKind.choices)
    instrument = serializers.CharField(source="row.instrument")
    symbol = serializers.CharField(source="row.symbol")
    quote = serializers.CharField(source="row.quote", help_text="currency of the prices")
    legs = LegSerializer(source="row.legs", many=True)
    gross_edge = serializers.DecimalField(15, 8, source="row.gross_edge")
    net_edge = serializers.DecimalField(15, 8, source="row.net_edge")
    notional = serializers.FloatField(allow_null=True, help_text="dollars at the best prices; null = unknown")
    expected = serializers.FloatField(help_text="dollars it may earn at the reference size; what ranks it")
    on_books = serializers.SerializerMethodField()
    books_reason = serializers.SerializerMethodField(help_text="why nothing was priced on books; null where it was")

    @extend_schema_field(OnBooksSerializer(allow_null=True))
    def get_on_books(self, sight: Any) -> dict[str, Any] | None:
        """Null where the books can't tell."""
        return None if sight.on_books is None else dict(OnBooksSerializer(sight.on_books).data)

    def get_books_reason(self, sight: Any) -> str | None:
        """In words."""
        return None if sight.reason is None else sight.reason.words


class ScannedSerializer(serializers.Serializer):
    """What a scan came to."""

    at = serializers.DateTimeField()
    markets = serializers.IntegerField(help_text="markets with usable prices that were looked at")
    found = serializers.IntegerField(help_text="candidates that answer the question; the best are in `results`")
    results = SightSerializer(many=True)


class PendingSerializer(serializers.Serializer):
    """It is on its way."""

    detail = serializers.CharField()
    retry_after = serializers.IntegerField(help_text="seconds after which to send it again")

    class Meta:
        ref_name = "OrderPending"
