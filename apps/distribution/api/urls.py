"""Addresses of distribution under /api/v1/."""

from django.urls import path

from apps.distribution.api.alerts import AlertDetail, AlertHistory, AlertKinds, AlertList, AlertTest
from apps.distribution.api.reports import ReportList
from apps.distribution.api.views import (
    DecisionList,
    GroupDetail,
    GroupList,
    GroupOpportunities,
    OpportunityStatistics,
    OwnStatistics,
    Why,
)

urlpatterns = [
    path("alerts", AlertList.as_view(), name="alerts"),
    path("alerts/history", AlertHistory.as_view(), name="alert-history"),
    path("alerts/kinds", AlertKinds.as_view(), name="alert-kinds"),
    path("alerts/<uuid:id>", AlertDetail.as_view(), name="alert"),
    path("alerts/<uuid:id>/test", AlertTest.as_view(), name="alert-test"),
    path("opportunities/<uuid:id>/why", Why.as_view(), name="opportunity-why"),
    path("distribution/decisions", DecisionList.as_view(), name="distribution-decisions"),
    path("distribution/reports", ReportList.as_view(), name="distribution-reports"),
    path("distribution/groups", GroupList.as_view(), name="distribution-groups"),
    path("distribution/groups/<uuid:id>", GroupDetail.as_view(), name="distribution-group"),
    path(
        "distribution/groups/<uuid:id>/opportunities",
        GroupOpportunities.as_view(),
        name="distribution-group-opportunities",
    ),
    path(
        "distribution/opportunities/<uuid:id>/statistics",
        OpportunityStatistics.as_view(),
        name="distribution-opportunity-statistics",
    ),
    path("distribution/statistics", OwnStatistics.as_view(), name="distribution-statistics"),
]
