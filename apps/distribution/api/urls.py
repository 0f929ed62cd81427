"""Addresses of distribution under /api/v1/."""

from django.urls import path

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
    path("opportunities/<uuid:id>/why", Why.as_view(), name="opportunity-why"),
    path("distribution/decisions", DecisionList.as_view(), name="distribution-decisions"),
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
