"""What became of deliveries: everybody's for operators, one's own for everybody."""

from typing import TYPE_CHECKING, Final

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, right_require
from apps.accounts.selectors import allowed
from apps.core.api.origin import OriginHeaderMixin
from apps.core.later import later
from apps.notifications.api import statistics_schema as schema
from apps.notifications.api.statistics_forms import DeliveryStatisticsQuery, DeliveryStatisticsSerializer

if TYPE_CHECKING:
    from apps.notifications.statistics import report
else:
    report = later("apps.notifications.statistics.report")

_EVERYBODYS: Final = "analytics.system"


@extend_schema_view(get=extend_schema(**schema.STATISTICS))
class DeliveryStatisticsView(OriginHeaderMixin, APIView):
    """Counted hours for operators, counted rows for everybody else."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """The report that is asked for; 403 where it is everybody's and the caller is no operator."""
        query = DeliveryStatisticsQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        scope = asked.pop("scope", "all" if allowed(request.user, _EVERYBODYS) else "own")
        if scope == "all":
            right_require(request, _EVERYBODYS)
        found = report.report(
            span=asked.pop("span"),
            filters=report.Filters(**asked),
            user_id=None if scope == "all" else caller(request).pk,
        )
        return Response(DeliveryStatisticsSerializer(found).data)
