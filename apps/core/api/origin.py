"""Every answer says where its data comes from."""

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

ORIGIN_HEADER = OpenApiParameter(
    name="X-ArbEdge-Origin",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.STR,
    enum=("live", "sandbox", "replay"),
    response=True,
    description="Where the data of this answer comes from.",
)


class OriginHeaderMixin:
    """Says on every answer, errors included, where its data comes from."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Add `X-ArbEdge-Origin`."""
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        response["X-ArbEdge-Origin"] = settings.ORIGIN
        return response
