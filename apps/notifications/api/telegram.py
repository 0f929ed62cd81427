"""Updates from Telegram: so far the bot only understands `/start TOKEN`, which connects a chat."""

import hmac
import logging
import re
from typing import TYPE_CHECKING

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock
from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.core.later import later
from apps.notifications.api import schema
from apps.notifications.api.endpoint_forms import UpdateSerializer

if TYPE_CHECKING:
    from apps.notifications import services
else:
    services = later("apps.notifications.services")

logger = logging.getLogger(__name__)

# https://core.telegram.org/bots/api#setwebhook
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 (a header's name)
_START = re.compile(r"/start(?:@\w+)? ([A-Za-z0-9_-]{16,64})")


class TelegramWebhook(APIView):
    """Telegram calls this, and proves with the secret that it is Telegram."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(**schema.TELEGRAM, request=UpdateSerializer)
    def post(self, request: Request) -> Response:
        """200 for whatever could be read: Telegram sends again what is refused."""
        expected = settings.TELEGRAM_WEBHOOK_SECRET
        if not expected:
            raise NotFound("Updates are not taken here: TELEGRAM_WEBHOOK_SECRET is not set.")
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), expected.encode()):
            raise PermissionDenied("This is for Telegram.")
        update = UpdateSerializer(data=request.data)
        if update.is_valid():
            self._heard(*update.said())
        else:
            logger.info("An update from Telegram could not be read: %s", sorted(update.errors))
        return Response({"ok": True})

    def _heard(self, chat: str, kind: str, text: str) -> None:
        found = _START.fullmatch(text.strip())
        if found is None:
            return
        if kind != "private":
            logger.info("A link was followed in a %s, which is no private chat", kind)
            return
        try:
            endpoint = services.link_follow(channel="telegram", token=found[1], address=chat, now=clock.now())
        except PermanentError as error:
            logger.info("A link to Telegram was followed in vain: %s", error.message)
            return
        try:
            services.endpoint_try(endpoint_id=endpoint.pk, now=clock.now())
        except ArbEdgeError as error:
            # The chat is connected all the same, and the same update once more would bring no greeting either.
            logger.info("A new Telegram chat gets no greeting: %s", error.message)
