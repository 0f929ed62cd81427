"""What callers send about their endpoints, and what they see of them. Secrets go in; masks come out."""

from typing import Any

from rest_framework import serializers

from apps.core.api.strict import StrictMixin
from apps.notifications.addresses import address_shown
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification

ROUTES = 10


def _credentials(words: str) -> serializers.DictField:
    return serializers.DictField(
        child=serializers.CharField(max_length=4000, trim_whitespace=False), required=False, help_text=words
    )


class EndpointRequest(StrictMixin, serializers.Serializer):
    """A new endpoint."""

    channel = serializers.ChoiceField(choices=CHANNELS.names(), help_text="see notifications/channels")
    address = serializers.CharField(max_length=4000)
    credentials = _credentials("what the channel needs besides the address; see notifications/channels")
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=80, required=False, allow_blank=True, default=""
    )
    route = serializers.IntegerField(
        min_value=0, max_value=ROUTES - 1, default=0, help_text="each route gets every message"
    )
    position = serializers.IntegerField(
        min_value=0, max_value=99, default=0, help_text="inside a route, the next one is tried where one fails"
    )


class EndpointChange(StrictMixin, serializers.Serializer):
    """What may be changed of an endpoint; another address is another endpoint."""

    label = serializers.CharField(max_length=80, required=False, allow_blank=True)  # type: ignore[assignment]
    route = serializers.IntegerField(min_value=0, max_value=ROUTES - 1, required=False)
    position = serializers.IntegerField(min_value=0, max_value=99, required=False)
    credentials = _credentials("replaces all that there were")


class CodeRequest(StrictMixin, serializers.Serializer):
    """The code that arrived at the address."""

    code = serializers.CharField(max_length=32)


class LinkRequest(StrictMixin, serializers.Serializer):
    """For which channel a link is wanted."""

    channel = serializers.ChoiceField(choices=CHANNELS.names())


class LinkSerializer(serializers.Serializer):
    """A link to be followed on the device that shall get messages."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class EndpointSerializer(serializers.ModelSerializer):
    """One of the caller's endpoints."""

    address = serializers.SerializerMethodField(help_text="masked where it may be a secret")

    class Meta:
        model = Endpoint
        fields = (
            "id",
            "channel",
            "address",
            "label",
            "route",
            "position",
            "usable",
            "created_at",
            "verified_at",
            "disabled_at",
            "disabled_reason",
        )

    def get_address(self, endpoint: Endpoint) -> str:
        """A URL's path and query can be what lets its holder in."""
        return address_shown(endpoint.address)


class EndpointMadeSerializer(EndpointSerializer):
    """A new endpoint, with the credentials that the house made for it: they are shown this once."""

    new_credentials = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta(EndpointSerializer.Meta):
        fields = (*EndpointSerializer.Meta.fields, "new_credentials")  # type: ignore[assignment]


class CredentialFieldSerializer(serializers.Serializer):
    """One thing a channel needs besides the address."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    secret = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]


class ChannelSerializer(serializers.Serializer):
    """A way to be reached."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    address_label = serializers.CharField(help_text="what the address is")
    credential_fields = CredentialFieldSerializer(many=True)
    available = serializers.BooleanField(help_text="false: not configured on this server")
    public = serializers.DictField(
        child=serializers.CharField(),
        help_text="what is needed to get an address there, e.g. application_server_key to subscribe to push",
    )


class AttemptSerializer(serializers.ModelSerializer):
    """One try."""

    class Meta:
        model = DeliveryAttempt
        fields = ("number", "started_at", "finished_at", "outcome", "code", "reason")


class DeliverySerializer(serializers.ModelSerializer):
    """A message on its way to one endpoint, with every try."""

    attempts = AttemptSerializer(source="attempt_rows", many=True, read_only=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "endpoint",
            "channel",
            "state",
            "last_error",
            "next_attempt_at",
            "finished_at",
            "attempts",
            "notes",
        )


class NotificationSerializer(serializers.ModelSerializer):
    """A message that was owed to the caller, and what became of it."""

    deliveries = DeliverySerializer(many=True, read_only=True)

    class Meta:
        model = Notification
        fields = (
            "id",
            "template",
            "priority",
            "origin",
            "state",
            "reason",
            "created_at",
            "send_at",
            "expires_at",
            "finished_at",
            "context",
            "deliveries",
        )


class SmsStatusSerializer(serializers.Serializer):
    """What Twilio tells of a message; there is more in it than is read."""

    MessageSid = serializers.CharField(max_length=64)
    MessageStatus = serializers.CharField(max_length=32)
    ErrorCode = serializers.IntegerField(required=False, default=0, min_value=0)


class UpdateSerializer(serializers.Serializer):
    """What Telegram sends; all that is read of it is a text in a private chat."""

    update_id = serializers.IntegerField()
    message = serializers.DictField(required=False)

    def said(self) -> tuple[str, str, str]:
        """(chat id, type of chat, text); empty where the update is about something else."""
        message: dict[str, Any] = self.validated_data.get("message") or {}
        chat, text = message.get("chat"), message.get("text")
        if not isinstance(chat, dict) or not isinstance(text, str):
            return "", "", ""
        return str(chat.get("id", "")), str(chat.get("type", "")), text
