"""Addresses under /api/v1/ that belong to no single room."""

from django.urls import path

from apps.core.api.stream import Stream

urlpatterns = [path("stream", Stream.as_view(), name="stream")]
