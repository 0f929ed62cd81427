"""Addresses of monitoring under /api/v1/."""

from django.urls import path

from apps.monitoring.api.views import DetailedHealthView, HealthView

urlpatterns = [
    path("health", HealthView.as_view(), name="health"),
    path("health/detailed", DetailedHealthView.as_view(), name="health-detailed"),
]
