"""`Idempotency-Key` on writes: the header, and what is answered to whoever sends a request again."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.idempotency import Claim, KeyBusy, KeyReused, claimed

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_LONGEST = 128

KEY_HEADER = OpenApiParameter(
    name=HEADER,
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.STR,
    required=True,
    description="Any text of up to 128 visible ASCII characters, a new one per order (a UUID is fine). For a day the "
    "same key with the same request gets the same answer again, with `Idempotency-Replayed: true`, and nothing is done "
    "twice.",
)


class _Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


class _Unprocessable(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


@contextmanager
def idempotent(request: Request) -> Iterator[Claim]:
    """The claim of this request's key; where it is `kept` answer `replay(claim)` and do nothing.

    A missing or unusable key is 400, one of another request 422, one that is being worked on 409: send it again."""
    key = request.headers.get(HEADER, "")
    if not key:
        raise ValidationError({HEADER: f"Send a new {HEADER} with each order, so that sending it again is safe."})
    if len(key) > _LONGEST or not (key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: f"Use up to {_LONGEST} visible ASCII characters."})
    try:
        with claimed(scope=f"user:{request.user.pk}", key=key, digest=_digest(request)) as claim:
            yield claim
    except KeyReused as error:
        raise _Unprocessable(error.message, code=error.code) from error
    except KeyBusy as error:
        raise _Conflict(error.message, code=error.code) from error


def keep(claim: Claim, response: Response) -> Response:
    """Store the answer with its effect, in the transaction of the effect, and give it."""
    claim.keep(status=response.status_code, body=json.loads(JSONRenderer().render(response.data)))
    return response


def replay(claim: Claim) -> Response:
    """The answer of the first time."""
    assert claim.kept is not None
    return Response(claim.kept.body, status=claim.kept.status, headers={REPLAYED: "true"})


def _digest(request: Request) -> str:
    data: Any = request.data
    body = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
