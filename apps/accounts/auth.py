"""How a request proves who sends it, and whether its credential is meant for what it asks."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from apps.accounts.exceptions import ScopeMissing, TokenRefusedError
from apps.accounts.models import AccountSession, ApiToken, User
from apps.accounts.scopes import ALL, Scope, scope_needed
from apps.accounts.services import token_verify
from apps.accounts.services.sessions import SESSION_PREFIX, session_verify
from apps.core.clock import wall_now

KEYWORD = "Token"
Credential = ApiToken | AccountSession


class ScopeDenied(PermissionDenied):
    """403 that names the scope that would be needed."""

    def __init__(self, missing: ScopeMissing) -> None:
        super().__init__(missing.message, code=missing.code)
        self.extra = {"required_scope": missing.scope}


class TokenAuthentication(BaseAuthentication):
    """Reads `Authorization: Token …`, an API token (`arb_…`) or a session (`arbs_…`); leaves requests without it to the
    next method, refuses a bad one with 401 and the reason, and what it is not meant for with 403."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        """The user and the credential, or None where none was sent. A refused one raises `AuthenticationFailed`."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != KEYWORD.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Write the header as `Authorization: Token arb_…`.", code="token_malformed")
        try:
            credential = _verify(parts[1].decode("ascii"))
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("A token has only ASCII characters.", code="token_malformed") from error
        except TokenRefusedError as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        scope_require(request, scopes_of(credential))
        return credential.user, credential

    def authenticate_header(self, request: Request) -> str:
        """What `WWW-Authenticate` says; its presence makes the answer a 401 and not a 403."""
        return f'{KEYWORD} realm="ArbEdge API"'


class PageAuthentication(SessionAuthentication):
    """The cookie of a page in which somebody signed in, with Django's protection against forged requests."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user and the page's session."""
        found = super().authenticate(request)
        if found is None:
            return None
        session = getattr(request._request, "account_session", None)
        if session is not None:
            scope_require(request, scopes_of(session))
        return found[0], session


def scope_require(request: Request, scopes: tuple[str, ...]) -> None:
    """ScopeDenied (403) where what the address and the method ask for is not among `scopes`."""
    _held(scope_needed(request.method or "", request.path).value, scopes)


def scope_held(request: Request, scope: str) -> None:
    """ScopeDenied (403) unless the request's credential is meant for `scope`, whatever its address."""
    if isinstance(request.auth, ApiToken | AccountSession):
        _held(scope, scopes_of(request.auth))


def scopes_of(credential: Credential) -> tuple[str, ...]:
    """What a credential may be used for. Where a second factor is required, sessions without one administer nothing."""
    if isinstance(credential, ApiToken):
        return tuple(credential.scopes)
    if settings.REQUIRE_2FA and not credential.second_factor:
        return tuple(scope for scope in ALL if scope != Scope.ADMIN)
    return ALL


def _held(scope: str, scopes: tuple[str, ...]) -> None:
    if scope not in scopes:
        raise ScopeDenied(ScopeMissing(scope))


def _token(text: str) -> Credential:
    return token_verify(text)


def _session(text: str) -> Credential:
    return session_verify(text, now=wall_now())


def _verify(text: str) -> Credential:
    verify = next((check for prefix, check in _KINDS if text.startswith(prefix)), _token)
    return verify(text)


_KINDS: Final[tuple[tuple[str, Callable[[str], Credential]], ...]] = ((SESSION_PREFIX, _session),)
