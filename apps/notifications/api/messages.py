"""One message of the caller's, in the form that they ask for."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
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
from apps.core.later import later
from apps.notifications.enums import MessageForm

if TYPE_CHECKING:
    from apps.notifications import selectors
    from apps.notifications.services import forms as services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services.forms")


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


@extend_schema_view(get=extend_schema(**_READ))
class MessageDetail(OriginHeaderMixin, APIView):
    """A message to the caller; somebody else's is not found."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request, id: UUID) -> Response:
        """In the words that are active now."""
        query = FormQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = selectors.notifications_of(caller(request).pk).select_related("user").filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such message of yours.")
        read = services.message_read(
            notification=found, form=MessageForm(query.validated_data["form"]), now=clock.now()
        )
        return Response(MessageSerializer(read).data)
