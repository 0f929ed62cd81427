"""What operators send about accounts, and what they see of them."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.accounts.api.fields import TierField
from apps.accounts.enums import Role, UserStatus
from apps.accounts.models import User
from apps.core.api.strict import StrictMixin


class UserRowSerializer(serializers.ModelSerializer):
    """An account in the list; with `only` given, those fields."""

    class Meta:
        model = User
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "email",
            "name",
            "tier",
            "base_tier",
            "role",
            "status",
            "is_staff",
            "timezone",
            "locale",
            "date_joined",
            "email_confirmed_at",
            "last_login",
            "last_activity_at",
        )
        read_only_fields = fields

    def __init__(self, *args: Any, only: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        for name in set(self.fields) - set(only or self.fields):
            self.fields.pop(name)


class UsersQuery(StrictMixin, serializers.Serializer):
    """What to narrow the list by."""

    search = serializers.CharField(max_length=200, required=False)
    tier = TierField(required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    status = serializers.ChoiceField(choices=UserStatus.choices, required=False)
    fields_ = serializers.CharField(max_length=500, required=False)
    limit = serializers.CharField(required=False)
    cursor = serializers.CharField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a name of the serializer's own."""
        known = super().get_fields()
        known["fields"] = known.pop("fields_")
        return known

    def validate_fields(self, value: str) -> tuple[str, ...]:
        """Names of the list's fields, separated by commas."""
        names = tuple(dict.fromkeys(value.split(",")))
        if not set(names) <= set(UserRowSerializer.Meta.fields):
            raise serializers.ValidationError(f"Use {', '.join(UserRowSerializer.Meta.fields)}, separated by commas.")
        return names


class CountsSerializer(serializers.Serializer):
    """What works now."""

    sessions = serializers.IntegerField()
    tokens = serializers.IntegerField()
    subscriptions = serializers.IntegerField()
    second_factor = serializers.BooleanField()


class PersonSerializer(UserRowSerializer):
    """One account."""

    counts = CountsSerializer()

    class Meta(UserRowSerializer.Meta):
        fields = (*UserRowSerializer.Meta.fields, "counts")
        read_only_fields = fields


class ReasonRequest(StrictMixin, serializers.Serializer):
    """Why; it stands in the audit trail."""

    reason = serializers.CharField(max_length=300)


class RoleRequest(StrictMixin, serializers.Serializer):
    """Another role."""

    role = serializers.ChoiceField(choices=Role.choices)


class TierRequest(StrictMixin, serializers.Serializer):
    """A tier given by an operator."""

    tier = TierField()
    days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, allow_null=True, default=None, help_text="null: without end"
    )
