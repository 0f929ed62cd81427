"""Messages from the payment provider."""

import logging

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import services
from apps.accounts.api import own_schema as schema
from apps.accounts.api.own_forms import PaymentTakenSerializer
from apps.accounts.exceptions import PaymentRefused
from apps.core import clock

logger = logging.getLogger(__name__)


class _Unprocessable(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


class PaymentWebhook(APIView):
    """The provider calls this, and proves with its signature that it is the provider."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(**schema.PAYMENT)
    def post(self, request: Request) -> Response:
        """200 with what became of it; 422 says why it can't be applied, and is tried again when it is sent again."""
        if not settings.PAYMENT_WEBHOOK_SECRETS:
            raise NotFound("Payments are not taken here: PAYMENT_WEBHOOK_SECRETS is not set.")
        # The bytes as they were signed; nothing has read them yet.
        body = request._request.body
        try:
            event_id = services.signature_check(body=body, headers=request.headers)
        except PaymentRefused as error:
            raise PermissionDenied(error.message, code=error.code) from error
        try:
            done = services.payment_apply(event_id=event_id, body=body, now=clock.wall_now())
        except PaymentRefused as error:
            logger.warning("Payment message %s is refused: %s", event_id, error.code)
            raise _Unprocessable(error.message, code=error.code) from error
        return Response(
            PaymentTakenSerializer({"id": done.event.pk, "state": done.event.state, "again": done.again}).data
        )
