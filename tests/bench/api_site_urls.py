"""The control: a plain `ModelViewSet` of the same rows, with the same sign-in, fields and pages."""

from django.urls import path
from rest_framework import serializers
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.viewsets import ModelViewSet

from apps.opportunities.models import Opportunity
from arbedge.urls import urlpatterns as ours

FIELDS = (
    "id", "kind", "instrument", "symbol", "legs", "gross_edge", "net_edge", "net_apr", "strength", "size",
    "optimal_notional", "max_notional", "profit", "risk", "confidence", "score", "origin", "context", "opened_at",
    "activated_at", "last_seen_at", "expires_at",
)  # fmt: skip


class Plain(serializers.ModelSerializer):
    class Meta:
        model = Opportunity
        fields = FIELDS


class Pages(LimitOffsetPagination):
    default_limit = 20


class Control(ModelViewSet):
    queryset = Opportunity.objects.filter(status="active")
    serializer_class = Plain
    pagination_class = Pages
    throttle_classes = ()


urlpatterns = [*ours, path("control", Control.as_view({"get": "list"}))]
