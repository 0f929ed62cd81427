"""Accounts, for operators."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import services
from apps.accounts.api import people_schema as schema
from apps.accounts.api.auth_forms import SessionSerializer
from apps.accounts.api.people_forms import (
    PersonSerializer,
    ReasonRequest,
    RoleRequest,
    TierRequest,
    UserRowSerializer,
    UsersQuery,
)
from apps.accounts.enums import Role, Source
from apps.accounts.exceptions import StatusRefused
from apps.accounts.models import User
from apps.accounts.permissions import caller, needs, right_require
from apps.accounts.selectors.directory import user_counts, users_known
from apps.accounts.selectors.sessions import sessions_of
from apps.accounts.selectors.subscriptions import subscriptions_counting
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.later import later

if TYPE_CHECKING:
    from apps.accounts.services import sessions
    from apps.accounts.services import status as status_moves
else:
    sessions = later("apps.accounts.services.sessions")
    status_moves = later("apps.accounts.services.status")

_PERMISSIONS = (IsAuthenticated, needs("admin.users"))


class _Newest(CursorPagination):
    ordering = ("-date_joined", "-id")


class _Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


@extend_schema_view(get=extend_schema(**schema.USERS))
class UserList(OriginHeaderMixin, generics.ListAPIView[User]):
    """Everybody."""

    permission_classes = _PERMISSIONS
    serializer_class = UserRowSerializer
    pagination_class = _Newest
    queryset = User.objects.none()
    _only: tuple[str, ...] = ()

    def get_queryset(self) -> QuerySet[User]:
        """Narrowed by the query; 400 for a parameter that is not known."""
        form = UsersQuery(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = {name: value for name, value in form.validated_data.items() if name not in ("limit", "cursor")}
        self._only = asked.pop("fields", ())
        return users_known(**asked)

    def get_serializer(self, *args: Any, **options: Any) -> Any:
        """With the fields that were asked for."""
        return UserRowSerializer(*args, only=self._only, **options)


class _Person(OriginHeaderMixin, APIView):
    permission_classes: Any = _PERMISSIONS

    def person(self) -> User:
        """Whom the address names, or 404."""
        found = users_known().filter(pk=self.kwargs["id"]).first()
        if found is None:
            raise NotFound("There is no such account.")
        return found

    def changeable(self, request: Request) -> User:
        """The same, for who may change it: an operator's account takes the right to give roles."""
        found = self.person()
        if found.role != Role.USER or found.is_staff or found.is_superuser:
            right_require(request, "admin.roles")
        return found

    def answer(self) -> Response:
        """As the account stands now."""
        user = self.person()
        user.counts = user_counts(user.pk, now=clock.wall_now())  # type: ignore[attr-defined]
        return Response(PersonSerializer(user).data)

    def handle_exception(self, exc: Exception) -> Response:
        """What can't be done to an account as it stands is 409."""
        if isinstance(exc, StatusRefused):
            exc = _Conflict(exc.message, code=exc.code)
        return super().handle_exception(exc)


@extend_schema_view(get=extend_schema(**schema.USER))
class UserDetail(_Person):
    """One account, with how much it has that works."""

    def get(self, request: Request, id: UUID) -> Response:
        """As it stands."""
        return self.answer()


@extend_schema_view(post=extend_schema(**schema.SUSPEND))
class UserSuspend(_Person):
    """Closing an account for a while."""

    def post(self, request: Request, id: UUID) -> Response:
        """The account; suspended already is no error."""
        user, actor = self.changeable(request), caller(request)
        form = ReasonRequest(data=request.data)
        form.is_valid(raise_exception=True)
        status_moves.user_suspend(user_id=user.pk, **form.validated_data, actor_id=actor.pk, now=clock.wall_now())
        return self.answer()


@extend_schema_view(post=extend_schema(**schema.REACTIVATE))
class UserReactivate(_Person):
    """Opening it again."""

    def post(self, request: Request, id: UUID) -> Response:
        """The account; one that is open already stays as it is."""
        user, actor = self.changeable(request), caller(request)
        form = ReasonRequest(data=request.data)
        form.is_valid(raise_exception=True)
        status_moves.user_reactivate(user_id=user.pk, **form.validated_data, actor_id=actor.pk, now=clock.wall_now())
        return self.answer()


@extend_schema_view(put=extend_schema(**schema.ROLE))
class UserRole(_Person):
    """What somebody may do to others."""

    permission_classes = (IsAuthenticated, needs("admin.roles"))

    def put(self, request: Request, id: UUID) -> Response:
        """The account, with it."""
        user = self.person()
        form = RoleRequest(data=request.data)
        form.is_valid(raise_exception=True)
        status_moves.role_set(user_id=user.pk, role=Role(form.validated_data["role"]), actor_id=caller(request).pk)
        return self.answer()


@extend_schema_view(put=extend_schema(**schema.TIER), delete=extend_schema(**schema.TIER_TAKE))
class UserTier(_Person):
    """The tier that operators give."""

    def put(self, request: Request, id: UUID) -> Response:
        """The account, with it."""
        user, actor = self.changeable(request), caller(request)
        form = TierRequest(data=request.data)
        form.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(form.validated_data)
        services.subscription_start(
            user_id=user.pk, **given, source=Source.OPERATOR, now=clock.wall_now(), actor_id=actor.pk
        )
        return self.answer()

    def delete(self, request: Request, id: UUID) -> Response:
        """The account, without it; nothing to take back is no error."""
        user, now = self.changeable(request), clock.wall_now()
        for given in subscriptions_counting(user_id=user.pk, now=now).filter(source=Source.OPERATOR):
            services.subscription_close(subscription=given, because="taken_back", now=now, actor_id=caller(request).pk)
        return self.answer()


class UserSessions(_Person):
    """Where somebody is signed in."""

    @extend_schema(**schema.SESSIONS)
    def get(self, request: Request, id: UUID) -> Response:
        """Newest first; at most fifty."""
        rows = sessions_of(user_id=self.person().pk, now=clock.wall_now())
        return Response(SessionSerializer(rows, many=True, context={"credential": request.auth}).data)

    @extend_schema(**schema.SESSIONS_END)
    def delete(self, request: Request, id: UUID) -> Response:
        """All of them."""
        user, actor = self.changeable(request), caller(request)
        sessions.sessions_end(user_id=user.pk, now=clock.wall_now(), because="by_operator", actor_id=actor.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserSession(_Person):
    """One of them."""

    @extend_schema(**schema.SESSION_END)
    def delete(self, request: Request, id: UUID, session_id: UUID) -> Response:
        """Over at once."""
        user, now = self.changeable(request), clock.wall_now()
        if not sessions.session_end(
            session_id=session_id, user_id=user.pk, now=now, because="by_operator", actor_id=caller(request).pk
        ):
            raise NotFound("There is no such session.")
        return Response(status=status.HTTP_204_NO_CONTENT)
