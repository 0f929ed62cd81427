"""Lists: opaque cursors, and where the data comes from on every page."""

from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Field
from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response


class CursorPagination(pagination.CursorPagination):
    """{"results", "next", "previous", "origin"}; a view sets `ordering` to something unique at its end."""

    page_size = 50
    max_page_size = 100
    page_size_query_param = "limit"
    ordering: tuple[str, ...] = ("-pk",)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """One page; a cursor whose position is none of the field that is ordered by is 404, as any other bad cursor."""
        cursor = self.decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            ordering = self.get_ordering(request, queryset, view)
            field = queryset.model._meta.get_field(ordering[0].lstrip("-"))
            # DRF's stubs call the position a number; it is the text from the cursor.
            _position_check(field, str(cursor.position))
        return super().paginate_queryset(queryset, request, view)

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
        # The example lets the document show a whole page.
        origins = ["live", "sandbox", "replay"]
        described["properties"]["origin"] = {"type": "string", "enum": origins, "example": "sandbox"}
        return described


def _position_check(field: Any, position: str) -> None:
    """Anybody can write a cursor, and the database would be asked with what stands in it."""
    assert isinstance(field, Field)
    try:
        value = field.to_python(position)
        # No number of ours is infinite, and not every database knows such ones.
        usable = not isinstance(value, (float, Decimal)) or isfinite(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            # What is outside the calendar in UTC not every database refuses by itself.
            value.astimezone(UTC)
        field.get_db_prep_value(value, connection)
    except (ValidationError, ValueError, ArithmeticError):
        usable = False
    if not usable:
        raise NotFound("Invalid cursor")
