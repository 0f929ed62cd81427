"""What callers do with opportunities: take them on paper, and say what they made of them."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, needs
from apps.core import clock
from apps.core.api.idempotency import idempotent, keep, replay
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.opportunities.api import schema
from apps.opportunities.api.requests import ExecuteRequest, FeedbackRequest
from apps.opportunities.api.serializers import ExecutionSerializer, FeedbackSerializer
from apps.opportunities.api.views import visible_or_404
from apps.opportunities.exceptions import BooksPending, ExecutionRefused, OpportunityOver
from apps.opportunities.models import Execution

if TYPE_CHECKING:
    from apps.opportunities import selectors, services
else:
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")


class OrderThrottle(HouseThrottle):
    """Each order reads order books."""

    name = "opportunity-execute"
    limits = (Limit(count=20, seconds=10),)


class Conflict(APIException):
    """Nothing could be done as things are."""

    status_code = status.HTTP_409_CONFLICT


@extend_schema_view(post=extend_schema(**schema.EXECUTE))
class Execute(OriginHeaderMixin, APIView):
    """Take it on paper, at what the order books of this moment give."""

    permission_classes = (IsAuthenticated, needs("opportunities.paper"))
    throttle_classes = (OrderThrottle,)

    def post(self, request: Request, id: Any) -> Response:
        """201 with the fills; 202 while order books are fetched, 409 where nothing could be done."""
        opportunity = visible_or_404(request, id)
        form = ExecuteRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wanted, now = form.validated_data, clock.now()
        with idempotent(request) as claim:
            if claim.kept is not None:
                return replay(claim)
            try:
                fill = services.fill(
                    opportunity=opportunity,
                    notional=wanted.get("notional"),
                    min_net_edge=wanted["min_net_edge"],
                    now=now,
                )
            except BooksPending as error:
                return pending(error)
            except (OpportunityOver, ExecutionRefused) as error:
                raise Conflict(error.message, code=error.code) from error
            # The effect and its answer, together or not at all.
            with transaction.atomic():
                execution = services.execution_record(user=caller(request), fill=fill, now=now)
                answer = Response(ExecutionSerializer(execution).data, status=status.HTTP_201_CREATED)
                return keep(claim, answer)


class _Newest(CursorPagination):
    ordering = ("-executed_at", "id")


@extend_schema_view(get=extend_schema(**schema.EXECUTIONS))
class ExecutionList(OriginHeaderMixin, generics.ListAPIView):
    """What the caller took, the newest first."""

    permission_classes = (IsAuthenticated,)
    serializer_class = ExecutionSerializer
    pagination_class = _Newest
    queryset = Execution.objects.none()

    def get_queryset(self) -> QuerySet[Execution]:
        """One's own only."""
        return selectors.executions_of(caller(self.request)).defer("evidence")


@extend_schema_view(post=extend_schema(**schema.FEEDBACK))
class Feedback(OriginHeaderMixin, APIView):
    """Say what was done with it."""

    permission_classes = (IsAuthenticated,)

    def post(self, request: Request, id: Any) -> Response:
        """201 the first time a state is said, 200 when its reason or note is replaced."""
        opportunity = visible_or_404(request, id)
        form = FeedbackRequest(data=request.data)
        form.is_valid(raise_exception=True)
        feedback, new = services.feedback_give(
            user=caller(request), opportunity_id=opportunity.pk, now=clock.now(), **form.validated_data
        )
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(FeedbackSerializer(feedback).data, status=code)


def pending(error: BooksPending) -> Response:
    """202 with when to come back."""
    seconds = max(1, round(error.retry_after))
    return Response(
        {"detail": f"{error.message} Nothing was done yet; send it again in {seconds} s.", "retry_after": seconds},
        status=status.HTTP_202_ACCEPTED,
        headers={"Retry-After": str(seconds)},
    )
