"""Registering and inviting in the API: what is sent and what is seen."""

from rest_framework import serializers

from apps.accounts.api.fields import LocaleField, TierField, TimezoneField
from apps.accounts.enums import Purpose
from apps.accounts.models import Invitation, InvitationUse
from apps.accounts.services.invitations import USES_MAX
from apps.core.api.strict import StrictMixin

_DAYS_MAX = 3650


class RegisterRequest(StrictMixin, serializers.Serializer):
    """Somebody who wants an account."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=128, trim_whitespace=False, write_only=True, help_text="at least 12 characters, not a common one"
    )
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    invitation_code = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="needed unless registering is open to all",
    )
    referral_code = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    timezone = TimezoneField(default="UTC")
    locale = LocaleField(default="en")


class RegisteredSerializer(serializers.Serializer):
    """What to confirm, with the code that was sent."""

    registration = serializers.UUIDField(source="pk")
    code_expires_at = serializers.DateTimeField()


class ConfirmRequest(StrictMixin, serializers.Serializer):
    """The code that arrived at the address."""

    registration = serializers.UUIDField()
    code = serializers.CharField(max_length=32)


class ResendRequest(StrictMixin, serializers.Serializer):
    """For which registration another code is wanted."""

    registration = serializers.UUIDField()


class ConfirmedSerializer(serializers.Serializer):
    """The account that is open now."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    tier = serializers.CharField()


class InvitationRequest(StrictMixin, serializers.Serializer):
    """An invitation to be issued."""

    purpose = serializers.ChoiceField(choices=Purpose.choices, default=Purpose.GENERAL)
    max_uses = serializers.IntegerField(min_value=1, max_value=USES_MAX, default=1)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    tier = TierField(
        required=False, allow_null=True, default=None, help_text="given for `days`; beta invitations have a default"
    )
    days = serializers.IntegerField(min_value=1, max_value=_DAYS_MAX, required=False, allow_null=True, default=None)


class InvitationSerializer(serializers.ModelSerializer):
    """An invitation, recognisable and useless to a reader."""

    created_by = serializers.UUIDField(source="created_by_id", allow_null=True, read_only=True)

    class Meta:
        model = Invitation
        fields = (
            "id", "prefix", "purpose", "note", "tier", "days", "max_uses", "used", "created_at", "created_by",
            "expires_at", "revoked_at",
        )  # fmt: skip
        read_only_fields = fields


class InvitationMadeSerializer(InvitationSerializer):
    """A new invitation with its code, which is shown this once."""

    code = serializers.CharField(read_only=True)

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "code")  # type: ignore[assignment]


class InvitationUseSerializer(serializers.ModelSerializer):
    """Who came by an invitation; without `used_at` they have yet to confirm their address."""

    user = serializers.UUIDField(source="user_id", allow_null=True, read_only=True)

    class Meta:
        model = InvitationUse
        fields = ("email", "user", "kept_at", "used_at")
        read_only_fields = fields
