"""A scan for the caller's own question."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, needs
from apps.accounts.selectors import user_policy
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.opportunities.api import schema
from apps.opportunities.api.requests import ScanRequest
from apps.opportunities.api.serializers import ScannedSerializer

if TYPE_CHECKING:
    from apps.opportunities import services
else:
    services = later("apps.opportunities.services")


class ScanThrottle(HouseThrottle):
    """Each scan looks at the whole market."""

    name = "opportunity-scan"
    limits = (Limit(count=10, seconds=10),)


@extend_schema_view(post=extend_schema(**schema.SCAN))
class Scan(OriginHeaderMixin, APIView):
    """Look through today's snapshots; for tiers that are shown opportunities without a delay."""

    permission_classes = (IsAuthenticated, needs("opportunities.scan"))
    throttle_classes = (ScanThrottle,)

    def post(self, request: Request) -> Response:
        """The best candidates at the best prices; nothing is stored."""
        form = ScanRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = dict(form.validated_data)
        allowed = user_policy(caller(request)).list_limit
        wanted["limit"] = min(wanted.get("limit", allowed), allowed)
        now = clock.now()
        scanned = services.scan(question=services.Question(**wanted), now=now)
        answer = {"at": now, "markets": scanned.markets, "found": scanned.found, "results": scanned.best}
        return Response(ScannedSerializer(answer).data)
