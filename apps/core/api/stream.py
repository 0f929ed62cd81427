"""`GET /api/v1/stream`: Django lets the caller in, the front streams."""

import uuid
from datetime import timedelta
from typing import Any, Final, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, Throttled, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock, redis
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.schema import error_response
from apps.core.front.events import OVERLAP, Opening, moment
from apps.core.front.mark import mark_of
from apps.core.front.places import HELD_MS, MOST, place_take

TOPICS: Final = ("opportunities", "notifications")
# What is longer ago is in the lists; a stream that was away for longer begins anew and says so.
RESUMED: Final = timedelta(minutes=15)
_WORDS: Final = (
    "Server-sent events. `opportunity` and `opportunity_ended` tell what your tier, day and preferences let you see in "
    "the list, when they do; what is told counts as seen. `notification` tells what is on its way to you. Each has the "
    "`id` to go on from (`Last-Event-ID`, as browsers send it): what happened meanwhile follows, up to "
    f"{RESUMED.seconds // 60} minutes back; if it was longer, `reset` comes first: read the lists. What happened in "
    "the last seconds may come twice after that. `end` says why a stream ends: `slow_consumer`, `signed_out`. A "
    f"comment comes every 15 s when there is no news. At most {MOST} streams a person."
)


class NoStream(APIException):
    """Served without the front, or without Redis."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "no_stream"
    default_detail = "Streams are not available here."


class Stream(OriginHeaderMixin, APIView):
    """News of the caller as they happen."""

    permission_classes = (IsAuthenticated,)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """Whoever accepts event streams only gets errors as JSON all the same."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(
        operation_id="stream",
        tags=["stream"],
        summary="Opportunities and notifications as they happen",
        description=_WORDS,
        parameters=[
            ORIGIN_HEADER,
            OpenApiParameter(
                "topics", OpenApiTypes.STR, description=f"Of {', '.join(TOPICS)}, separated by commas; all without it."
            ),
            OpenApiParameter(
                "Last-Event-ID",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The last event that came.",
            ),
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Until one of both ends it."),
            **error_response(400, "invalid", "The request has errors."),
            **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
            **error_response(429, "too_many_streams", f"You have {MOST} streams open already."),
            **error_response(503, "no_stream", str(NoStream.default_detail)),
        },
    )
    def get(self, request: Request) -> Response:
        """An empty 200, in whose place the front streams."""
        topics = _topics(request.query_params.get("topics", ""))
        since, now = _since(request), clock.now()
        mark = mark_of(request)
        if mark is None:
            raise NoStream
        place, user_id, credential = uuid.uuid4().hex, cast("uuid.UUID", request.user.pk), cast("Any", request.auth)
        try:
            free = place_take(user_id, place)
        except redis.Error as error:
            raise NoStream from error
        if not free:
            raise Throttled(
                wait=HELD_MS / 1000, detail=f"You have {MOST} streams open already.", code="too_many_streams"
            )
        oldest = now - RESUMED
        mark.stream = Opening(
            user_id=user_id,
            credential=None if credential is None else (type(credential).__name__, credential.digest),
            topics=topics,
            since=now if since is None else max(since - OVERLAP, oldest),
            place=place,
            too_old=since is not None and since < oldest,
        )
        return Response(status=status.HTTP_200_OK)


def _topics(text: str) -> frozenset[str]:
    asked = frozenset(text.split(",")) if text else frozenset(TOPICS)
    if not asked <= set(TOPICS):
        raise ValidationError({"topics": f"Use {', '.join(TOPICS)}, separated by commas."})
    return asked


def _since(request: Request) -> Any:
    text = request.headers.get("Last-Event-ID", "")
    if not text:
        return None
    found = moment(text)
    if found is None:
        raise ValidationError({"Last-Event-ID": "This is no id of an event."})
    return found
