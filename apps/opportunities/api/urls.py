"""Addresses of opportunities under /api/v1/."""

from django.urls import path

from apps.opportunities.api.pictures import HistoryPicture, WaterfallPicture
from apps.opportunities.api.preferences import (
    PresetApply,
    PresetList,
    UserPreferences,
    VersionList,
    VersionRollback,
)
from apps.opportunities.api.rules import Correlation, RuleDetail, RuleList
from apps.opportunities.api.scanning import Scan
from apps.opportunities.api.sizing import Size
from apps.opportunities.api.taking import Execute, ExecutionList, Feedback
from apps.opportunities.api.views import CategoryList, OpportunityDetail, OpportunityList

urlpatterns = [
    path("opportunities", OpportunityList.as_view(), name="opportunity-list"),
    path("opportunities/categories", CategoryList.as_view(), name="opportunity-categories"),
    path("opportunities/correlation", Correlation.as_view(), name="opportunity-correlation"),
    path("opportunities/executions", ExecutionList.as_view(), name="opportunity-executions"),
    path("opportunities/rules", RuleList.as_view(), name="opportunity-rules"),
    path("opportunities/rules/<uuid:id>", RuleDetail.as_view(), name="opportunity-rule"),
    path("opportunities/scan", Scan.as_view(), name="opportunity-scan"),
    path("opportunities/<uuid:id>", OpportunityDetail.as_view(), name="opportunity-detail"),
    path("opportunities/<uuid:id>/execute", Execute.as_view(), name="opportunity-execute"),
    path("opportunities/<uuid:id>/feedback", Feedback.as_view(), name="opportunity-feedback"),
    path("opportunities/<uuid:id>/history.svg", HistoryPicture.as_view(), name="opportunity-history"),
    path("opportunities/<uuid:id>/size", Size.as_view(), name="opportunity-size"),
    path("opportunities/<uuid:id>/waterfall.svg", WaterfallPicture.as_view(), name="opportunity-waterfall"),
    path("users/preferences", UserPreferences.as_view(), name="user-preferences"),
    path("users/preferences/presets", PresetList.as_view(), name="user-preferences-presets"),
    path("users/preferences/presets/<slug:name>", PresetApply.as_view(), name="user-preferences-preset"),
    path("users/preferences/versions", VersionList.as_view(), name="user-preferences-versions"),
    path(
        "users/preferences/versions/<int:number>/rollback",
        VersionRollback.as_view(),
        name="user-preferences-rollback",
    ),
]
