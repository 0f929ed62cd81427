"""Status callbacks of the SMS gateway."""

import hmac
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock
from apps.core.later import later
from apps.notifications.api import schema
from apps.notifications.api.endpoint_forms import SmsStatusSerializer

if TYPE_CHECKING:
    from apps.notifications import sms_callback
    from apps.notifications.services import sms_status as services
else:
    services = later("apps.notifications.services.sms_status")
    sms_callback = later("apps.notifications.sms_callback")

SIGNATURE_HEADER = "X-Twilio-Signature"


class SmsStatus(APIView):
    """Twilio calls this, and proves with our account's token that it is Twilio."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (FormParser,)

    @extend_schema(**schema.SMS_STATUS, request=SmsStatusSerializer)
    def post(self, request: Request, id: UUID) -> Response:
        """204 for whatever is Twilio's; news of no interest too."""
        token, base = settings.TWILIO_AUTH_TOKEN, settings.TWILIO_STATUS_URL
        if not token or not base:
            raise NotFound("Status callbacks are not taken here: TWILIO_AUTH_TOKEN or a public address is not set.")
        given = request.headers.get(SIGNATURE_HEADER, "")
        form = {name: str(value) for name, value in request.POST.items()}
        wanted = sms_callback.signature(sms_callback.url(base, id), form, token)
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise PermissionDenied("This is for Twilio.")
        news = SmsStatusSerializer(data=request.data)
        news.is_valid(raise_exception=True)
        told = {
            "delivery_id": id,
            "sid": news.validated_data["MessageSid"],
            "status": news.validated_data["MessageStatus"],
            "error": news.validated_data["ErrorCode"],
        }
        if not services.sms_status_take(**told, now=clock.now()):
            sms_callback.again(**told | {"delivery_id": str(id)}, tries=1)
        return Response(status=204)
