"""What callers send to sign in and about their credentials, and what they see of them."""

import re
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from apps.accounts.models import AccountSession, ApiToken, SessionKind
from apps.accounts.scopes import Scope
from apps.core.api.strict import StrictMixin
from apps.core.clock import wall_now

_CODE_WORDS = "six digits of the authenticator app, or a code on paper; only where the second factor is on"


def _password(words: str = "") -> serializers.CharField:
    return serializers.CharField(max_length=200, trim_whitespace=False, write_only=True, help_text=words)


def _code() -> serializers.CharField:
    return serializers.CharField(max_length=32, required=False, default="", allow_blank=True, help_text=_CODE_WORDS)


class LoginRequest(StrictMixin, serializers.Serializer):
    """Address and password, and a code where the second factor is on."""

    email = serializers.EmailField()
    password = _password()
    code = _code()


class LoginSerializer(serializers.Serializer):
    """A session."""

    token = serializers.CharField(help_text="shown this once; send it as `Authorization: Token arbs_…`")
    session_id = serializers.UUIDField()
    expires_at = serializers.DateTimeField(help_text="seven days from the last use")


class PasswordRequest(StrictMixin, serializers.Serializer):
    """The old password and the new one."""

    current = _password()
    new = _password()
    code = _code()
    revoke_tokens = serializers.BooleanField(default=False, help_text="end every API token too")


class ProofRequest(StrictMixin, serializers.Serializer):
    """Password and code, for what a stolen session must not do."""

    password = _password()
    code = _code()


class AppCodeRequest(StrictMixin, serializers.Serializer):
    """The first code of the app."""

    code = serializers.CharField(max_length=32)


class TwoFactorSerializer(serializers.Serializer):
    """How the second factor stands."""

    enabled = serializers.BooleanField()
    recovery_codes_left = serializers.IntegerField()
    required = serializers.BooleanField(  # type: ignore[assignment]
        help_text="for staff of this installation"
    )


class EnrolmentSerializer(serializers.Serializer):
    """What an authenticator app needs."""

    secret = serializers.CharField(help_text="base32, to be typed in")
    uri = serializers.CharField(help_text="the same as `otpauth://` URI, to be shown as a QR code")


class RecoveryCodesSerializer(serializers.Serializer):
    """Codes for paper; each replaces the app once."""

    recovery_codes = serializers.ListField(child=serializers.CharField(), help_text="shown this once")


class RecoveryRequest(StrictMixin, serializers.Serializer):
    """Whose password was forgotten."""

    email = serializers.EmailField()


class RecoveryFinishRequest(StrictMixin, serializers.Serializer):
    """The text of the link that was mailed, and a new password."""

    token = serializers.CharField(max_length=200)
    password = _password()
    revoke_tokens = serializers.BooleanField(default=False, help_text="end every API token too")


class TokenRequest(ProofRequest):
    """A new API token, which outlives the session that makes it."""

    name = serializers.CharField(max_length=80)
    scopes = serializers.MultipleChoiceField(choices=Scope.choices, allow_empty=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="null: never")

    def validate_expires_at(self, value: Any) -> Any:
        """Only what works for a while."""
        if value is not None and value <= wall_now():
            raise ValidationError("This is over already.")
        return value


class TokenChange(StrictMixin, serializers.Serializer):
    """Another name."""

    name = serializers.CharField(max_length=80)


class TokenSerializer(serializers.ModelSerializer):
    """A token, recognisable and useless to a reader."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    current = serializers.SerializerMethodField(help_text="whether this request is signed with it")

    class Meta:
        model = ApiToken
        fields = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "current")

    def get_current(self, token: ApiToken) -> bool:
        """Known from the request."""
        return bool(self.context.get("credential") == token)


class TokenMadeSerializer(TokenSerializer):
    """A new token with its text."""

    token = serializers.CharField(help_text="shown this once")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class SessionSerializer(serializers.ModelSerializer):
    """Where somebody is signed in."""

    kind = serializers.ChoiceField(choices=SessionKind.choices)
    device = serializers.SerializerMethodField(help_text="as the program calls itself")
    address = serializers.SerializerMethodField(help_text="its first half", allow_null=True)
    current = serializers.SerializerMethodField(help_text="whether this request belongs to it")

    class Meta:
        model = AccountSession
        fields = (
            "id",
            "kind",
            "device",
            "address",
            "second_factor",
            "created_at",
            "last_activity_at",
            "expires_at",
            "current",
        )

    def get_device(self, session: AccountSession) -> str:
        """ "Firefox on Linux"; the program's own name where it is no browser."""
        return device_of(session.agent)

    def get_address(self, session: AccountSession) -> str | None:
        """`203.0.x.x`: enough to recognise one's own, not enough to find somebody."""
        return address_masked(session.address)

    def get_current(self, session: AccountSession) -> bool:
        """Known from the request."""
        return bool(self.context.get("credential") == session)


# Each program also claims to be those after it.
_PROGRAMS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device_of(agent: str) -> str:
    """What people call the program with this user agent."""
    program = next((name for mark, name in _PROGRAMS if f"{mark}/" in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if program:
        return f"{program} on {system}" if system else program
    return re.split(r"[/ (]", agent, maxsplit=1)[0] or "unknown"


def address_masked(address: str | None) -> str | None:
    """An address without its second half."""
    if address is None:
        return None
    if "." in address:
        return ".".join(address.split(".")[:2]) + ".x.x"
    return ":".join(address.split(":")[:2]) + ":…"
