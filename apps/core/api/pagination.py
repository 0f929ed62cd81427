"""Lists: opaque cursors, and where the data comes from on every page."""

from typing import Any

from django.conf import settings
from rest_framework import pagination
from rest_framework.response import Response


class CursorPagination(pagination.CursorPagination):
    """{"results", "next", "previous", "origin"}; a view sets `ordering` to something unique at its end."""

    page_size = 50
    max_page_size = 100
    page_size_query_param = "limit"
    ordering = ("-pk",)

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "results": data,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "origin": settings.ORIGIN,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        described["properties"]["origin"] = {"type": "string", "enum": ["live", "sandbox", "replay"]}
        return described
