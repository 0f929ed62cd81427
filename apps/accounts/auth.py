"""How a request proves who sends it: `Authorization: Token arb_…`."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import ApiToken, User
from apps.accounts.services import token_verify

KEYWORD = "Token"


class TokenAuthentication(BaseAuthentication):
    """Reads the header; leaves requests without it to the next method, refuses a bad one with 401 and the reason."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The user and the token, or None where no token was sent. A refused one raises `AuthenticationFailed`."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != KEYWORD.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Write the header as `Authorization: Token arb_…`.", code="token_malformed")
        try:
            token = token_verify(parts[1].decode("ascii"))
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("A token has only ASCII characters.", code="token_malformed") from error
        except TokenRefusedError as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What `WWW-Authenticate` says; its presence makes the answer a 401 and not a 403."""
        return f'{KEYWORD} realm="ArbEdge API"'
