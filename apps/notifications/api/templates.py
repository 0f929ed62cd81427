"""Templates for operators: versions of words, how they would arrive, what readers say of them."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.permissions import needs
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.later import later
from apps.notifications.api import template_schema as schema
from apps.notifications.api.template_forms import (
    PreviewRequest,
    PreviewSerializer,
    StatisticsSerializer,
    TemplateChange,
    TemplateRequest,
    TemplateSerializer,
)
from apps.notifications.models import Template

if TYPE_CHECKING:
    from apps.notifications import selectors, services
    from apps.notifications.services import templates as template_services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services")
    template_services = later("apps.notifications.services.templates")


class _Operators(OriginHeaderMixin, APIView):
    """Words that everybody reads are for administrators to write."""

    permission_classes = (needs("admin.templates"),)

    def template(self, template_id: int) -> Template:
        """One version, or 404."""
        found = selectors.templates_known().filter(pk=template_id).first()
        if found is None:
            raise NotFound("There is no such template.")
        return found


class _Pages(CursorPagination):
    ordering = ("-id",)


@extend_schema_view(get=extend_schema(**schema.LIST))
class TemplateList(_Operators, generics.ListAPIView):
    """Every version, newest first."""

    serializer_class = TemplateSerializer
    pagination_class = _Pages
    queryset = Template.objects.none()

    def get_queryset(self) -> QuerySet[Template]:
        """Narrowed by the query parameters, each an exact value."""
        asked = self.request.query_params
        wanted: dict[str, Any] = {
            name: asked[name] for name in ("name", "channel", "locale", "variant") if name in asked
        }
        if asked.get("active") in ("true", "false"):
            wanted["active"] = asked["active"] == "true"
        # PostgreSQL takes no NUL in a text, and no name has one.
        if any("\0" in str(value) for value in wanted.values()):
            return Template.objects.none()
        return selectors.templates_known().filter(**wanted)

    @extend_schema(**schema.CREATE)
    def post(self, request: Request) -> Response:
        """A new version, or 400 with what is wrong with the words."""
        form = TemplateRequest(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.template_create(**form.validated_data, actor_id=request.user.pk)
        return Response(TemplateSerializer(made).data, status=status.HTTP_201_CREATED)


class TemplateDetail(_Operators):
    """One version."""

    @extend_schema(**schema.DETAIL)
    def get(self, request: Request, template_id: int) -> Response:
        """Words, variables and whose they are."""
        return Response(TemplateSerializer(self.template(template_id)).data)

    @extend_schema(**schema.CHANGE)
    def patch(self, request: Request, template_id: int) -> Response:
        """Use it or not, and for how many readers."""
        row = self.template(template_id)
        form = TemplateChange(data=request.data)
        form.is_valid(raise_exception=True)
        actor_id = request.user.pk
        if "weight" in form.validated_data:
            row = services.template_weigh(template_id=row.pk, weight=form.validated_data["weight"], actor_id=actor_id)
        if "active" in form.validated_data:
            use: Any = services.template_activate if form.validated_data["active"] else services.template_deactivate
            row = use(template_id=row.pk, actor_id=actor_id)
        return Response(TemplateSerializer(row).data)


class TemplatePreview(_Operators):
    """How a version would arrive."""

    @extend_schema(**schema.PREVIEW)
    def post(self, request: Request, template_id: int) -> Response:
        """One entry for each channel that could take it; nothing is sent or stored."""
        row = self.template(template_id)
        form = PreviewRequest(data=request.data)
        form.is_valid(raise_exception=True)
        made = template_services.template_preview(
            row=row,
            facts=form.validated_data.get("facts"),
            locale=form.validated_data["locale"],
            timezone=form.validated_data["timezone"],
        )
        return Response(PreviewSerializer(made, many=True).data)


class TemplateStatisticsView(_Operators):
    """What readers say."""

    @extend_schema(**schema.STATISTICS)
    def get(self, request: Request, template_id: int) -> Response:
        """Every version of the same name, channel and locale that is active or was sent."""
        row = self.template(template_id)
        rows = selectors.template_statistics(name=row.name, channel=row.channel, locale=row.locale)
        return Response(StatisticsSerializer(rows, many=True).data)
