"""What an opportunity looks like from outside. Decimals are strings, times ISO 8601 in UTC."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core import clock
from apps.opportunities.enums import Side
from apps.opportunities.evidence import EvidenceUnreadable, recompute
from apps.opportunities.models import Opportunity


class LegSerializer(serializers.Serializer):
    """One side of an opportunity."""

    exchange = serializers.CharField(help_text="ccxt id of the exchange")
    symbol = serializers.CharField(help_text="ccxt unified symbol")
    market_id = serializers.IntegerField()
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    price = serializers.CharField(allow_null=True, help_text="volume-weighted at `size`, in quote currency")
    amount = serializers.CharField(allow_null=True, default=None, help_text="in base units of the listing")
    rate = serializers.CharField(allow_null=True, default=None, help_text="funding rate per interval, perpetuals only")
    fee = serializers.CharField(allow_null=True, help_text="taker fee, fraction of notional")


class OpportunitySerializer(serializers.ModelSerializer):
    """A row of the list."""

    legs = LegSerializer(many=True, read_only=True)
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
            "size",
            "optimal_notional",
            "max_notional",
            "profit",
            "risk",
            "confidence",
            "score",
            "origin",
            "context",
            "opened_at",
            "activated_at",
            "last_seen_at",
            "expires_at",
            "age",
        )
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(serializers.FloatField(help_text="Seconds since it became active."))
    def get_age(self, opportunity: Opportunity) -> float:
        """Seconds since it became active, by the application's clock."""
        since = opportunity.activated_at or opportunity.opened_at
        return round((clock.now() - since).total_seconds(), 3)


class OpportunityDetailSerializer(OpportunitySerializer):
    """One opportunity with all that its net edge was computed from."""

    details = serializers.DictField(read_only=True, help_text="what else a trader of this kind wants to know")
    evidence = serializers.DictField(read_only=True, help_text="books, fees, funding and moments behind the net edge")
    net_edge_recomputed = serializers.SerializerMethodField()

    class Meta(OpportunitySerializer.Meta):
        fields = (
            *OpportunitySerializer.Meta.fields,
            "closed_at",
            "reason",
            "details",
            "evidence",
            "net_edge_recomputed",
        )
        read_only_fields = fields

    @extend_schema_field(
        serializers.CharField(
            allow_null=True,
            help_text="Computed now from `evidence` alone; equals `net_edge`. Null if an older formula wrote it.",
        )
    )
    def get_net_edge_recomputed(self, opportunity: Opportunity) -> str | None:
        """The net edge that the evidence gives."""
        try:
            return str(recompute(opportunity.evidence))
        except EvidenceUnreadable:
            return None
