"""What the caller wants to see of the list and how they trade; presets, and what it was before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.exceptions import RightMissing
from apps.accounts.permissions import RightDenied, caller
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.later import later
from apps.opportunities.api import schema
from apps.opportunities.api.requests import PreferencesSerializer, PresetSerializer, VersionSerializer
from apps.opportunities.exceptions import PresetNotFound, VersionNotFound
from apps.opportunities.models import Preferences, PreferencesVersion
from apps.opportunities.presets import PRESETS

if TYPE_CHECKING:
    from apps.opportunities import selectors, services
else:
    selectors = later("apps.opportunities.selectors")
    services = later("apps.opportunities.services")


class _NewestVersion(CursorPagination):
    ordering = ("-number",)


class _Own(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)


class UserPreferences(_Own):
    """One's own, and nobody else's."""

    @extend_schema(**schema.PREFERENCES)
    def get(self, request: Request) -> Response:
        """As they are; the defaults where nothing was said."""
        return _answer(selectors.preferences_of(caller(request)))

    @extend_schema(**schema.PREFERENCES_CHANGE)
    def patch(self, request: Request) -> Response:
        """The fields that are sent; the others stay."""
        user = caller(request)
        form = PreferencesSerializer(selectors.preferences_of(user), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        with _refusals():
            return _answer(services.preferences_set(user=user, wishes=form.validated_data, now=clock.now()))


@extend_schema_view(get=extend_schema(**schema.PRESETS))
class PresetList(_Own):
    """Preferences that fit together."""

    def get(self, request: Request) -> Response:
        """All of them: they are few."""
        rows = [{"name": name, "words": one.words, "wishes": one.wishes} for name, one in PRESETS.items()]
        return Response(PresetSerializer(rows, many=True).data)


@extend_schema_view(post=extend_schema(**schema.PRESET_APPLY))
class PresetApply(_Own):
    """Beginning with one of them."""

    def post(self, request: Request, name: str) -> Response:
        """What one's preferences are then."""
        with _refusals():
            return _answer(services.preset_apply(user=caller(request), name=name, now=clock.now()))


@extend_schema_view(get=extend_schema(**schema.VERSIONS))
class VersionList(OriginHeaderMixin, generics.ListAPIView[PreferencesVersion]):
    """What one's preferences were."""

    permission_classes = (IsAuthenticated,)
    serializer_class = VersionSerializer
    pagination_class = _NewestVersion
    queryset = PreferencesVersion.objects.none()

    def get_queryset(self) -> QuerySet[PreferencesVersion]:
        """One's own only."""
        return selectors.versions_of(caller(self.request))


@extend_schema_view(post=extend_schema(**schema.ROLLBACK))
class VersionRollback(_Own):
    """Going back."""

    def post(self, request: Request, number: int) -> Response:
        """What one's preferences are then: a new version with the old words."""
        with _refusals():
            return _answer(services.preferences_rollback(user=caller(request), number=number, now=clock.now()))


def _answer(preferences: Preferences) -> Response:
    return Response(PreferencesSerializer(preferences).data)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except RightMissing as error:
        raise RightDenied(error) from error
    except (PresetNotFound, VersionNotFound) as error:
        raise NotFound(error.message, code=error.code) from error
