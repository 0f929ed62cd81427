"""One's own keys to exchanges. Credentials go in and never come out."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import exchange_keys_schema as schema
from apps.accounts.api.exchange_keys_forms import ExchangeKeyChange, ExchangeKeyRequest, ExchangeKeySerializer
from apps.accounts.exceptions import ExchangeKeyGone, ExchangeKeyRefused
from apps.accounts.models import ExchangeKey
from apps.accounts.permissions import caller
from apps.accounts.selectors.exchange_keys import exchange_keys_of
from apps.accounts.services import exchange_keys
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination

# A check takes a second or two where the exchange answers.
_ASK_AGAIN_S = "2"


class _Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


class _Newest(CursorPagination):
    ordering = ("-created_at", "id")


@extend_schema_view(get=extend_schema(**schema.LIST), post=extend_schema(**schema.ADD))
class ExchangeKeyList(OriginHeaderMixin, generics.ListAPIView[ExchangeKey]):
    """One's own, and nobody else's."""

    permission_classes = (IsAuthenticated,)
    serializer_class = ExchangeKeySerializer
    pagination_class = _Newest
    queryset = ExchangeKey.objects.none()

    def get_queryset(self) -> QuerySet[ExchangeKey]:
        """Newest first."""
        return exchange_keys_of(caller(self.request).pk)

    def post(self, request: Request) -> Response:
        """201 with the key as it will be seen from now on; its check is on its way."""
        form = ExchangeKeyRequest(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            row = exchange_keys.exchange_key_add(
                user_id=caller(request).pk, now=clock.wall_now(), **form.validated_data
            )
        except ExchangeKeyRefused as error:
            if error.problems:
                raise ValidationError(_nested(error.problems)) from error
            raise _Conflict(error.message, code=error.code) from error
        return Response(ExchangeKeySerializer(row).data, status=status.HTTP_201_CREATED, headers=_later())


class _One(OriginHeaderMixin, APIView):
    """One of the caller's keys."""

    permission_classes = (IsAuthenticated,)

    def row(self, id: UUID) -> ExchangeKey:
        """It, or 404, also for somebody else's."""
        found = exchange_keys_of(caller(self.request).pk).filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such exchange key of yours.")
        return found


@extend_schema_view(
    get=extend_schema(**schema.ONE), patch=extend_schema(**schema.CHANGE), delete=extend_schema(**schema.REMOVE)
)
class ExchangeKeyDetail(_One):
    """As it stands."""

    def get(self, request: Request, id: UUID) -> Response:
        """What its last check found."""
        return Response(ExchangeKeySerializer(self.row(id)).data)

    def patch(self, request: Request, id: UUID) -> Response:
        """Its label; other credentials are another key."""
        row = self.row(id)
        form = ExchangeKeyChange(data=request.data)
        form.is_valid(raise_exception=True)
        changed = exchange_keys.exchange_key_rename(key_id=row.pk, label=form.validated_data.get("label", row.label))
        return Response(ExchangeKeySerializer(changed).data)

    def delete(self, request: Request, id: UUID) -> Response:
        """204: its credentials are gone."""
        row = self.row(id)
        exchange_keys.exchange_key_remove(key_id=row.pk, user_id=row.user_id, now=clock.wall_now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(post=extend_schema(**schema.CHECK))
class ExchangeKeyCheck(_One):
    """Having it checked again."""

    def post(self, request: Request, id: UUID) -> Response:
        """202; look at the key again after `Retry-After`."""
        row = self.row(id)
        try:
            asked = exchange_keys.exchange_key_recheck(key_id=row.pk, user_id=row.user_id, now=clock.wall_now())
        except ExchangeKeyGone as error:
            raise _Conflict(error.message, code=error.code) from error
        return Response(ExchangeKeySerializer(asked).data, status=status.HTTP_202_ACCEPTED, headers=_later())


def _later() -> dict[str, str]:
    return {"Retry-After": _ASK_AGAIN_S}


def _nested(problems: dict[str, str]) -> dict[str, Any]:
    """Problems by path as DRF has them."""
    nested: dict[str, Any] = {}
    for path, words in problems.items():
        outer, _, inner = path.partition(".")
        if inner:
            nested.setdefault(outer, {})[inner] = [words]
        else:
            nested[outer] = [words]
    return nested
