"""Reading again what has not changed: `ETag`, and 304 without a body to whoever has it."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

IF_NONE_MATCH = OpenApiParameter(
    name="If-None-Match",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.STR,
    description="The `ETag` of an earlier answer: 304 without a body where nothing has changed since.",
)
ETAG = OpenApiParameter(
    name="ETag",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.STR,
    response=[200, 304],
    description="Changes with the content; ages don't count.",
)


class ConditionalMixin:
    """Tags 200s of GET and HEAD by what they say; `volatile` names the fields that change with every look."""

    volatile: ClassVar[frozenset[str]] = frozenset()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the tag, or answer 304 in its place."""
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if request.method not in ("GET", "HEAD") or response.status_code != 200:
            return response
        # Weak: two answers with one tag may differ in their ages.
        tag = f'W/"{self._digest(response)}"'
        if _matches(request.headers.get("If-None-Match", ""), tag):
            unchanged = HttpResponseNotModified()
            unchanged["Vary"] = response.headers.get("Vary", "Accept")
            response = unchanged
        response["ETag"] = tag
        # A cache may keep it for its one user, and has to ask each time.
        response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ("Authorization", "Cookie"))
        return response

    def _digest(self, response: HttpResponse) -> str:
        data = getattr(response, "data", None)
        content = response.content if data is None else JSONRenderer().render(self._lasting(data))
        return hashlib.sha256(content).hexdigest()[:32]

    def _lasting(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {name: self._lasting(value) for name, value in data.items() if name not in self.volatile}
        return [self._lasting(value) for value in data] if isinstance(data, list | tuple) else data


def _matches(header: str, tag: str) -> bool:
    """The weak comparison of RFC 9110, section 8.8.3.2."""
    tags = parse_etags(header)
    return tags == ["*"] or tag.removeprefix("W/") in (one.removeprefix("W/") for one in tags)
