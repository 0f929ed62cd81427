"""One's referrals and subscriptions in the API: what is sent and what is seen."""

from rest_framework import serializers

from apps.accounts.enums import Source
from apps.accounts.models import Affiliate, BonusEntry, Subscription, SubscriptionChange
from apps.core.api.strict import StrictMixin


class ReferralSerializer(serializers.Serializer):
    """One's code, and what came of it."""

    code = serializers.CharField(allow_null=True, help_text="null: there is none yet; PUT makes one")
    came_by = serializers.CharField(allow_null=True, help_text="the code by which one came oneself")
    brought = serializers.IntegerField(help_text="people who came by one's codes")
    paying = serializers.IntegerField(help_text="those of them who have paid")
    balances = serializers.DictField(
        child=serializers.DecimalField(max_digits=20, decimal_places=2), help_text="by unit: points, or a currency"
    )


class ReferralCodeRequest(StrictMixin, serializers.Serializer):
    """The code that one wants; empty for a new one of ours."""

    code = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")


class ReferralClaimRequest(StrictMixin, serializers.Serializer):
    """By whose code one came."""

    code = serializers.CharField(max_length=40)


class BonusSerializer(serializers.ModelSerializer):
    """A line of one's ledger."""

    class Meta:
        model = BonusEntry
        fields = ("id", "kind", "amount", "unit", "note", "created_at")
        read_only_fields = fields


class AffiliateRequest(StrictMixin, serializers.Serializer):
    """Asking to become an affiliate."""

    website = serializers.URLField(max_length=300, required=False, allow_blank=True, default="")
    words = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class AffiliateSerializer(serializers.ModelSerializer):
    """One's application, and what became of it."""

    class Meta:
        model = Affiliate
        fields = ("state", "website", "words", "share", "applied_at", "decided_at")
        read_only_fields = fields


class SubscriptionSerializer(serializers.ModelSerializer):
    """Something one has for a time."""

    given_by = serializers.ChoiceField(source="source", choices=Source.choices, read_only=True)

    class Meta:
        model = Subscription
        fields = ("id", "tier", "given_by", "plan", "renews", "starts_at", "ends_at", "grace_until")
        read_only_fields = fields


class DailySerializer(serializers.Serializer):
    """Distinct opportunities that one may see in a day; null is unlimited."""

    arbitrage = serializers.IntegerField(allow_null=True)
    technical = serializers.IntegerField(allow_null=True)


class PolicySerializer(serializers.Serializer):
    """The numbers of one's tier."""

    name = serializers.CharField()
    list_limit = serializers.IntegerField()
    daily = DailySerializer()
    delay_s = serializers.IntegerField()
    analytics_days = serializers.IntegerField(allow_null=True)


class StandingSerializer(serializers.Serializer):
    """What one's account opens now, and because of what."""

    tier = serializers.CharField()
    base_tier = serializers.CharField(help_text="what it opens without any subscription")
    policy = PolicySerializer()
    permissions = serializers.ListField(child=serializers.CharField())
    subscriptions = SubscriptionSerializer(many=True, help_text="those that count now; the highest tier does")


class SubscriptionChangeSerializer(serializers.ModelSerializer):
    """A line of the history."""

    subscription = serializers.UUIDField(source="subscription_id", read_only=True)
    tier = serializers.CharField(source="subscription.tier", read_only=True)
    given_by = serializers.ChoiceField(source="subscription.source", choices=Source.choices, read_only=True)
    facts = serializers.DictField(read_only=True)

    class Meta:
        model = SubscriptionChange
        fields = ("id", "subscription", "tier", "given_by", "at", "action", "facts")
        read_only_fields = fields


class PaymentTakenSerializer(serializers.Serializer):
    """What became of a provider's message."""

    id = serializers.CharField()
    state = serializers.CharField(help_text="applied or ignored")
    again = serializers.BooleanField(help_text="it came before, and nothing was done")
