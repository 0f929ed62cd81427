"""One's API tokens, and where one is signed in."""

from typing import TYPE_CHECKING
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import auth_forms as forms
from apps.accounts.api import auth_schema as schema
from apps.accounts.api.auth import proved, session_of
from apps.accounts.auth import scope_held
from apps.accounts.models import ApiToken
from apps.accounts.permissions import caller
from apps.accounts.selectors import tokens_of
from apps.accounts.selectors.sessions import sessions_of
from apps.core.api.origin import OriginHeaderMixin
from apps.core.clock import wall_now
from apps.core.later import later

if TYPE_CHECKING:
    from apps.accounts.services import sessions, tokens
else:
    sessions = later("apps.accounts.services.sessions")
    tokens = later("apps.accounts.services.tokens")


class _Mine(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)

    def token(self, request: Request, token_id: int) -> ApiToken:
        """One of the caller's that works, or 404."""
        found = tokens_of(user_id=caller(request).pk, now=wall_now()).filter(pk=token_id).first()
        if found is None:
            raise NotFound("There is no such token of yours.")
        return found


class TokenList(_Mine):
    """One's API tokens."""

    @extend_schema(**schema.TOKENS)
    def get(self, request: Request) -> Response:
        """Those that work, newest first."""
        rows = tokens_of(user_id=caller(request).pk, now=wall_now())
        return Response(forms.TokenSerializer(rows, many=True, context={"credential": request.auth}).data)

    @extend_schema(**schema.TOKEN_MAKE)
    def post(self, request: Request) -> Response:
        """A new one; it opens at most what the session opens that makes it."""
        user, form = proved(request, forms.TokenRequest)
        wanted = sorted(form["scopes"])
        for scope in wanted:
            scope_held(request, scope)
        row, text = tokens.token_make(user=user, name=form["name"], scopes=wanted, expires_at=form["expires_at"])
        answer = {**forms.TokenSerializer(row).data, "token": text}
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(**schema.TOKENS_END)
    def delete(self, request: Request) -> Response:
        """All of them, also the one that this request may be signed with."""
        user = caller(request)
        tokens.tokens_revoke(user_id=user.pk, actor_id=user.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TokenDetail(_Mine):
    """One token."""

    @extend_schema(**schema.TOKEN)
    def get(self, request: Request, token_id: int) -> Response:
        """What it is for and when it was used."""
        row = self.token(request, token_id)
        return Response(forms.TokenSerializer(row, context={"credential": request.auth}).data)

    @extend_schema(**schema.TOKEN_CHANGE)
    def patch(self, request: Request, token_id: int) -> Response:
        """Another name; what it opens stays, so that nobody widens one that is in use."""
        row = self.token(request, token_id)
        form = forms.TokenChange(data=request.data)
        form.is_valid(raise_exception=True)
        row = tokens.token_rename(token_id=row.pk, name=form.validated_data["name"])
        return Response(forms.TokenSerializer(row, context={"credential": request.auth}).data)

    @extend_schema(**schema.TOKEN_END)
    def delete(self, request: Request, token_id: int) -> Response:
        """It works no more."""
        row = self.token(request, token_id)
        tokens.token_end(token_id=row.pk, user_id=row.user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionList(_Mine):
    """Where one is signed in."""

    @extend_schema(**schema.SESSIONS)
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = sessions_of(user_id=caller(request).pk, now=wall_now())
        return Response(forms.SessionSerializer(rows, many=True, context={"credential": request.auth}).data)

    @extend_schema(**schema.SESSIONS_END)
    def delete(self, request: Request) -> Response:
        """All but this one."""
        user, session = caller(request), session_of(request)
        keep = None if session is None else session.pk
        sessions.sessions_end(user_id=user.pk, now=wall_now(), because="by_owner", actor_id=user.pk, keep=keep)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionDetail(_Mine):
    """One session."""

    @extend_schema(**schema.SESSION_END)
    def delete(self, request: Request, id: UUID) -> Response:
        """Over at once."""
        if not sessions.session_end(session_id=id, user_id=caller(request).pk, now=wall_now()):
            raise NotFound("There is no such session of yours.")
        return Response(status=status.HTTP_204_NO_CONTENT)
