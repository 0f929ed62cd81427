"""Every address of the site."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import include, path
from django.utils.module_loading import import_string
from django.views.generic import RedirectView

API_ROOMS = (
    "apps.accounts",
    "apps.core",
    "apps.distribution",
    "apps.markets",
    "apps.monitoring",
    "apps.notifications",
    "apps.opportunities",
)


def _later(view: str, **options: Any) -> Callable[..., HttpResponseBase]:
    """A view by its dotted path, which loads with the first page that is asked for."""

    @cache
    def made() -> Callable[..., HttpResponseBase]:
        found: Callable[..., HttpResponseBase] = import_string(view).as_view(**options)
        return found

    def page(request: HttpRequest, **given: Any) -> HttpResponseBase:
        return made()(request, **given)

    return page


def _document(view: str, **options: Any) -> Callable[..., HttpResponseBase]:
    """A page of the API's document; its generator is slow to load."""
    return _later(f"drf_spectacular.views.{view}", **options)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/two-factor/", _later("apps.accounts.pages.TwoFactorPage"), name="two-factor"),
    path("admin/", admin.site.urls),
    path("account/recovery/<str:text>", _later("apps.accounts.pages.RecoveryPage"), name="recovery"),
    path("api/schema/", _document("SpectacularAPIView"), name="schema"),
    # Its script is a file of its own: none stands in a page.
    path("api/docs/", _document("SpectacularSwaggerSplitView", url_name="schema"), name="docs"),
    path(
        "api/redoc/",
        _document("SpectacularRedocView", url_name="schema", template_name="arbedge/redoc.html"),
        name="redoc",
    ),
    path("api/v1/", include("apps.accounts.api.auth_urls")),
    *(path("api/v1/", include(f"{room}.api.urls")) for room in API_ROOMS),
]
