"""Pages of the list: as long as the tier allows, shorter on request."""

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.models import User
from apps.accounts.selectors import user_policy
from apps.core.api.pagination import CursorPagination


class TierPagination(CursorPagination):
    """`limit` may ask for less than the tier's list limit; more is cut to it."""

    page_size_query_description = "Rows in one answer, at most the tier's list limit."

    def get_page_size(self, request: Request) -> int:
        """Rows in this answer. A `limit` that is not a positive whole number is a field error."""
        assert isinstance(request.user, User)
        allowed = user_policy(request.user).list_limit
        wanted = request.query_params.get(self.page_size_query_param)
        if wanted is None:
            return allowed
        if not (wanted.isascii() and wanted.isdigit() and int(wanted[:9]) > 0):
            raise ValidationError({self.page_size_query_param: "Use a whole number from 1."})
        return min(int(wanted[:9]), allowed)

    def get_ordering(self, request: Request, queryset: QuerySet, view: APIView) -> tuple[str, ...]:
        """The order that the view's ordering filter decided."""
        return tuple(super().get_ordering(request, queryset, view))
