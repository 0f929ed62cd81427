"""Who one is, and how far one has come in beginning."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import onboarding
from apps.accounts.api.fields import LocaleField, TimezoneField
from apps.accounts.models import User
from apps.accounts.permissions import caller
from apps.accounts.services.profile import profile_set
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.strict import StrictMixin


class OnboardingStepSerializer(serializers.Serializer):
    """Something to do to begin with."""

    name = serializers.CharField()
    words = serializers.CharField()
    needed = serializers.BooleanField(help_text="false: one has finished without it")
    done_at = serializers.DateTimeField(allow_null=True)


class OnboardingSerializer(serializers.Serializer):
    """How far one has come."""

    finished = serializers.BooleanField(help_text="whether everything is done that is needed")
    steps = OnboardingStepSerializer(many=True)


class ProfileSerializer(StrictMixin, serializers.ModelSerializer):
    """Who one is; name, time zone and locale can be changed."""

    timezone = TimezoneField(required=False)
    locale = LocaleField(required=False)
    onboarding = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "name",
            "timezone",
            "locale",
            "tier",
            "role",
            "status",
            "date_joined",
            "email_confirmed_at",
            "onboarding",
        )
        read_only_fields = ("id", "email", "tier", "role", "status", "date_joined", "email_confirmed_at")

    def get_onboarding(self, user: User) -> OnboardingSerializer:
        """The steps in their order, and since when each is done."""
        done = onboarding.done_at(user.pk)
        known = onboarding.steps().items()
        rows = [{"name": name, "words": it.words, "needed": it.needed, "done_at": done[name]} for name, it in known]
        finished = all(row["done_at"] for row in rows if row["needed"])
        return OnboardingSerializer({"finished": finished, "steps": rows}).data  # type: ignore[return-value]


_EXAMPLE = {
    "id": "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1",
    "email": "ada@example.org",
    "name": "Ada",
    "timezone": "Europe/Berlin",
    "locale": "de",
    "tier": "basic",
    "role": "user",
    "status": "active",
    "date_joined": "2026-11-22T10:00:00Z",
    "email_confirmed_at": "2026-11-22T10:02:00Z",
    "onboarding": {
        "finished": False,
        "steps": [{"name": "email", "words": "Confirm your address.", "needed": True, "done_at": None}],
    },
}
_COMMON: dict[str, Any] = {"tags": ["users"], "parameters": [ORIGIN_HEADER]}
_ANSWER: dict[Any, Any] = {
    200: OpenApiResponse(ProfileSerializer, examples=[OpenApiExample("answer", value=_EXAMPLE, response_only=True)]),
    **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
}
_INVALID = error_response(
    400,
    "invalid",
    "The request has errors.",
    errors=[{"field": "timezone", "code": "invalid", "detail": "There is no such time zone."}],
)


@extend_schema_view(
    get=extend_schema(
        operation_id="users_profile_retrieve",
        summary="Who one is, and how far one has come in beginning",
        responses=_ANSWER,
        **_COMMON,
    ),
    patch=extend_schema(
        operation_id="users_profile_partial_update",
        summary="Change name, time zone or locale",
        request=ProfileSerializer,
        responses=_ANSWER | _INVALID,
        **_COMMON,
    ),
)
class OwnProfile(OriginHeaderMixin, APIView):
    """One's own, and nobody else's."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """As it is."""
        return Response(ProfileSerializer(caller(request)).data)

    def patch(self, request: Request) -> Response:
        """The fields that are sent; the others stay."""
        form = ProfileSerializer(caller(request), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        return Response(ProfileSerializer(profile_set(user_id=caller(request).pk, said=form.validated_data)).data)
