"""The audit trail for administrators."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers

from apps.accounts.permissions import needs
from apps.core import audit
from apps.core.api.origin import ORIGIN_HEADER, OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.api.schema import error_response
from apps.core.models import AuditRecord


class AuditQuery(serializers.Serializer):
    """What to narrow the trail by."""

    actor_id = serializers.CharField(max_length=64, required=False)
    action = serializers.CharField(max_length=80, required=False, help_text="exactly this one")
    target = serializers.CharField(max_length=200, required=False, help_text="exactly this one")
    request_id = serializers.CharField(max_length=64, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class AuditSerializer(serializers.ModelSerializer):
    """One record, with its place in the chain."""

    position = serializers.IntegerField(allow_null=True, help_text="null for a moment after it was written")

    class Meta:
        model = AuditRecord
        fields = audit.COLUMNS


class _Pages(CursorPagination):
    ordering = ("-id",)


def _query(name: str, words: str, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name=name, location=OpenApiParameter.QUERY, type=kind, description=words)


@extend_schema_view(
    get=extend_schema(
        operation_id="admin_audit",
        tags=["admin"],
        summary="The audit trail, newest first",
        parameters=[
            ORIGIN_HEADER,
            _query("actor_id", "Only of this user."),
            _query("action", "Only this one, such as `config.set`."),
            _query("target", "Only this thing, such as `core.ConfigValue:tier.free.delay_s`."),
            _query("request_id", "Only of this request."),
            _query("since", "From this moment on.", OpenApiTypes.DATETIME),
            _query("until", "Before this moment.", OpenApiTypes.DATETIME),
        ],
        responses={
            200: AuditSerializer(many=True),
            **error_response(
                400,
                "invalid",
                "The request has errors.",
                errors=[{"field": "since", "code": "invalid", "detail": "Datetime has wrong format."}],
            ),
            **error_response(401, "not_authenticated", "Authentication credentials were not provided."),
            **error_response(403, "role_required", "This needs the role admin.", required_role="admin"),
        },
    )
)
class AuditList(OriginHeaderMixin, generics.ListAPIView):
    """Who did what."""

    permission_classes = (needs("admin.audit"),)
    serializer_class = AuditSerializer
    pagination_class = _Pages
    queryset: Any = AuditRecord.objects.none()

    def get_queryset(self) -> QuerySet[Any]:
        """Narrowed by the query; 400 for what is no moment."""
        form = AuditQuery(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        spans = {"since": "at__gte", "until": "at__lt"}
        return AuditRecord.objects.filter(**{spans.get(name, name): value for name, value in asked.items()})
