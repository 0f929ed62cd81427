"""Addresses of opportunities under /api/v1/."""

from django.urls import path

from apps.opportunities.api.views import OpportunityDetail, OpportunityList

urlpatterns = [
    path("opportunities", OpportunityList.as_view(), name="opportunity-list"),
    path("opportunities/<uuid:id>", OpportunityDetail.as_view(), name="opportunity-detail"),
]
