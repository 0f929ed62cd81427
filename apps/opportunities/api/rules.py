"""The caller's own rules of technical signals, and whether such signals run ahead of arbitrage."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import caller, needs
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.strict import StrictMixin
from apps.core.api.throttle import HouseThrottle
from apps.core.later import later
from apps.core.limits import Limit
from apps.opportunities.api import rules_schema as schema
from apps.opportunities.api.serializers import LeadsSerializer, RuleSerializer
from apps.opportunities.api.taking import Conflict
from apps.opportunities.exceptions import RuleNotFound, RulesFull

if TYPE_CHECKING:
    from apps.opportunities import leading, selectors, services
else:
    leading = later("apps.opportunities.leading")
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")

# Reading and deleting what one has is anybody's; what makes signals needs the tier that gets them without a delay.
_MAKES_SIGNALS = ("POST", "PATCH")


class _Rules(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)

    def get_permissions(self) -> list[BasePermission]:
        """Free accounts have no rules."""
        permissions: list[Any] = list(super().get_permissions())
        if self.request.method in _MAKES_SIGNALS:
            permissions.append(needs("opportunities.rules")())
        return permissions


class RuleList(_Rules):
    """One's own rules; nobody else's, and not the house's."""

    @extend_schema(**schema.RULES)
    def get(self, request: Request) -> Response:
        """All of them: they are few."""
        return Response(RuleSerializer(selectors.rules_of(caller(request)), many=True).data)

    @extend_schema(**schema.RULE_CREATE)
    def post(self, request: Request) -> Response:
        """201; 409 where there are as many as there can be."""
        form = RuleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            rule = services.rule_create(user=caller(request), wishes=form.validated_data, now=clock.now())
        except RulesFull as error:
            raise Conflict(error.message, code=error.code) from error
        return Response(RuleSerializer(rule).data, status=status.HTTP_201_CREATED)


class RuleDetail(_Rules):
    """One of one's own rules; 404 for anything else."""

    @extend_schema(**schema.RULE)
    def get(self, request: Request, id: Any) -> Response:
        """As it is."""
        try:
            return Response(RuleSerializer(selectors.rule_of(caller(request), id=id)).data)
        except RuleNotFound as error:
            raise NotFound(error.message, code=error.code) from error

    @extend_schema(**schema.RULE_CHANGE)
    def patch(self, request: Request, id: Any) -> Response:
        """The fields that are sent; the others stay."""
        user = caller(request)
        try:
            # Before the body is looked at: of somebody else's rule not even its errors are told.
            selectors.rule_of(user, id=id)
            form = RuleSerializer(data=request.data, partial=True)
            form.is_valid(raise_exception=True)
            rule = services.rule_change(user=user, rule_id=id, wishes=form.validated_data, now=clock.now())
        except RuleNotFound as error:
            raise NotFound(error.message, code=error.code) from error
        return Response(RuleSerializer(rule).data)

    @extend_schema(**schema.RULE_DELETE)
    def delete(self, request: Request, id: Any) -> Response:
        """204; its open signals end with the next run."""
        try:
            services.rule_delete(user=caller(request), rule_id=id)
        except RuleNotFound as error:
            raise NotFound(error.message, code=error.code) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class LeadsThrottle(HouseThrottle):
    """Each answer reads an exchange's candles."""

    name = "opportunity-correlation"
    limits = (Limit(count=10, seconds=10),)


class LeadsRequest(StrictMixin, serializers.Serializer):
    """The query parameters."""

    instrument = serializers.CharField(max_length=40)
    exchange = serializers.CharField(max_length=40)
    timeframe = serializers.ChoiceField(choices=("1m", "5m"), default="1m")


class Correlation(OriginHeaderMixin, APIView):
    """Lead and lag of technical signals against the arbitrage edges of an instrument."""

    permission_classes = (IsAuthenticated, needs("opportunities.scan"))
    throttle_classes = (LeadsThrottle,)

    @extend_schema(**schema.CORRELATION)
    def get(self, request: Request) -> Response:
        """200 with an answer per rule; 409 where there are no candles of it."""
        form = LeadsRequest(data=request.query_params)
        form.is_valid(raise_exception=True)
        try:
            leads = leading.leads_of(user=caller(request), now=clock.now(), **form.validated_data)
        except leading.NoBars as error:
            raise Conflict(error.message, code=error.code) from error
        return Response(LeadsSerializer(leads).data)
