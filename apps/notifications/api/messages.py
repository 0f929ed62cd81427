"""One message of the caller's, in the form that they ask for; and once more where it reached nobody."""

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller
from apps.core import clock
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.api.strict import StrictMixin
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.notifications.api.endpoint_forms import NotificationSerializer
from apps.notifications.enums import MessageForm
from apps.notifications.models import Notification

if TYPE_CHECKING:
    from apps.notifications import selectors
    from apps.notifications.services import forms as services
    from apps.notifications.services import resend
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services.forms")
    resend = later("apps.notifications.services.resend")


class FormQuery(StrictMixin, serializers.Serializer):
    """How to read it."""

    form = serializers.ChoiceField(choices=MessageForm.choices, default=MessageForm.PLAIN)


class MessageSerializer(serializers.Serializer):
    """A message in one form: `text`, or with form=json `data`, which is what webhooks get."""

    form = serializers.ChoiceField(choices=MessageForm.choices)
    subject = serializers.CharField()
    text = serializers.CharField(required=False)
    data = serializers.DictField(required=False)  # type: ignore[assignment]


_READ: dict[str, Any] = {
    "operation_id": "notifications_read",
    "tags": ["notifications"],
    "summary": "One message, as plain text, HTML, Markdown or JSON",
    "parameters": [ORIGIN_HEADER, FormQuery],
    "responses": {
        200: MessageSerializer,
        **error_response(
            400,
            "invalid",
            "The request has errors.",
            errors=[{"field": "form", "code": "invalid_choice", "detail": '"pdf" is not a valid choice.'}],
        ),
        **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
        **error_response(404, "not_found", "There is no such message of yours."),
    },
}
_RESEND: dict[str, Any] = {
    "operation_id": "notifications_resend",
    "tags": ["notifications"],
    "summary": "Send a message again that reached nobody",
    "description": "Its dead letters are tried anew; one that had no endpoint goes to those that there are now.",
    "parameters": [ORIGIN_HEADER],
    "request": None,
    "responses": {
        202: NotificationSerializer,
        **error_response(400, "nothing_to_resend", "It was delivered."),
        **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
        **error_response(404, "not_found", "There is no such message of yours."),
        **error_response(429, "throttled", "Request was throttled. Expected available in 42 seconds."),
    },
}


class _Own(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)

    def message(self, id: UUID) -> Notification:
        """One of the caller's, or 404, also for somebody else's."""
        found = selectors.notifications_of(caller(self.request).pk).select_related("user").filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such message of yours.")
        return found


@extend_schema_view(get=extend_schema(**_READ))
class MessageDetail(_Own):
    """A message to the caller; somebody else's is not found."""

    def get(self, request: Request, id: UUID) -> Response:
        """In the words that are active now."""
        query = FormQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        read = services.message_read(
            notification=self.message(id), form=MessageForm(query.validated_data["form"]), now=clock.now()
        )
        return Response(MessageSerializer(read).data)


class ResendThrottle(HouseThrottle):
    """Each one is a fresh budget of tries."""

    name = "notification-resend"
    limits: ClassVar[tuple[Limit, ...]] = (Limit(count=10, seconds=60),)


@extend_schema_view(post=extend_schema(**_RESEND))
class MessageResend(_Own):
    """The message once more."""

    throttle_classes = (ResendThrottle,)

    def post(self, request: Request, id: UUID) -> Response:
        """202 with the message, whose deliveries tell how it goes."""
        again = resend.notification_resend(notification_id=self.message(id).pk, now=clock.now())
        return Response(NotificationSerializer(again).data, status=status.HTTP_202_ACCEPTED)
