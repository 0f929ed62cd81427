"""A new signing secret for one's webhook."""

from typing import TYPE_CHECKING
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import User
from apps.core import clock
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.strict import StrictMixin
from apps.core.later import later

if TYPE_CHECKING:
    from apps.notifications import selectors
    from apps.notifications.services import rotation as services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services.rotation")


class RotationRequest(StrictMixin, serializers.Serializer):
    """A secret of one's own, or none."""

    secret = serializers.CharField(
        max_length=120, required=False, help_text="`whsec_` and base64 of 24 to 64 random bytes; default: a made one"
    )


class RotationSerializer(serializers.Serializer):
    """What to give the receiver."""

    secret = serializers.CharField(help_text="shown this once")
    previous_until = serializers.DateTimeField(help_text="until then messages carry a signature of the old one too")


class EndpointRotation(OriginHeaderMixin, APIView):
    """The signing secret of a webhook."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="endpoint_rotate",
        tags=["notifications"],
        summary="Change a webhook's signing secret without a gap",
        description="From now on messages carry two signatures, of the new secret and of the old one, until "
        "`previous_until`. Rotating again ends the oldest at once.",
        parameters=[ORIGIN_HEADER],
        request=RotationRequest,
        responses={
            200: RotationSerializer,
            **error_response(400, "not_signed", "Only webhooks have a signing secret."),
            **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
            **error_response(404, "not_found", "There is no such endpoint of yours."),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """The new secret."""
        assert isinstance(request.user, User)
        if not selectors.endpoints_of(request.user.pk).filter(pk=id).exists():
            raise NotFound("There is no such endpoint of yours.")
        form = RotationRequest(data=request.data)
        form.is_valid(raise_exception=True)
        # Real time: it is compared with the moment of sending.
        made = services.endpoint_secret_rotate(
            endpoint_id=id, now=clock.wall_now(), secret=form.validated_data.get("secret", "")
        )
        return Response(RotationSerializer(made).data)
