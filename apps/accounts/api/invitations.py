"""Invitations, for operators."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import selectors, services
from apps.accounts.api import coming_schema as schema
from apps.accounts.api.coming_forms import (
    InvitationRequest,
    InvitationSerializer,
    InvitationUseSerializer,
)
from apps.accounts.models import Invitation, InvitationUse
from apps.accounts.permissions import caller, needs
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination

_PERMISSIONS = (IsAuthenticated, needs("admin.invitations"))
_USABLE = {"": None, "true": True, "false": False}


class _Newest(CursorPagination):
    ordering = ("-created_at", "id")


class _NewestUse(CursorPagination):
    ordering = ("-kept_at", "id")


@extend_schema_view(get=extend_schema(**schema.INVITATIONS), post=extend_schema(**schema.INVITE))
class InvitationList(OriginHeaderMixin, generics.ListAPIView[Invitation]):
    """All of them, and new ones."""

    permission_classes = _PERMISSIONS
    serializer_class = InvitationSerializer
    pagination_class = _Newest
    queryset = Invitation.objects.none()

    def get_queryset(self) -> QuerySet[Invitation]:
        """Newest first."""
        usable = self.request.query_params.get("usable", "")
        if usable not in _USABLE:
            raise ValidationError({"usable": "Use true or false."})
        return selectors.invitations_known(now=clock.wall_now(), usable=_USABLE[usable])

    def post(self, request: Request) -> Response:
        """201 with the code, which nobody sees again."""
        form = InvitationRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wishes: dict[str, Any] = dict(form.validated_data)
        row, code = services.invitation_create(**wishes, created_by=caller(request), now=clock.wall_now())
        answer = InvitationSerializer(row).data | {"code": code}
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


@extend_schema_view(get=extend_schema(**schema.INVITATION), delete=extend_schema(**schema.REVOKE))
class InvitationDetail(OriginHeaderMixin, APIView):
    """One of them."""

    permission_classes = _PERMISSIONS

    def get(self, request: Request, id: UUID) -> Response:
        """As it stands."""
        return Response(InvitationSerializer(_found(id)).data)

    def delete(self, request: Request, id: UUID) -> Response:
        """Nobody comes in by it any more; it stays on record. 204 also where it was revoked before."""
        services.invitation_revoke(invitation_id=_found(id).pk, actor_id=caller(request).pk, now=clock.wall_now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(**schema.INVITATION_USES))
class InvitationUses(OriginHeaderMixin, generics.ListAPIView[InvitationUse]):
    """Who came by one of them."""

    permission_classes = _PERMISSIONS
    serializer_class = InvitationUseSerializer
    pagination_class = _NewestUse
    queryset = InvitationUse.objects.none()

    def get_queryset(self) -> QuerySet[InvitationUse]:
        """Newest first."""
        return selectors.invitation_uses(_found(self.kwargs["id"]).pk)


def _found(invitation_id: UUID) -> Invitation:
    row = selectors.invitations_known(now=clock.wall_now()).filter(pk=invitation_id).first()
    if row is None:
        raise NotFound("There is no such invitation.")
    return row
