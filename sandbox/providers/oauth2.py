"""A token server for webhook receivers: OAuth 2 client credentials (RFC 6749 section 4.4, errors of section 5.2)."""

import base64
import secrets
from urllib.parse import parse_qs, unquote_plus

import orjson

from sandbox.calls import Answer, Call, json_answer

HOST = "auth.sandbox.test"
PATH = "/token"
# The client that the sandbox knows; no secret.
CLIENT, SECRET = "arbedge", "sandbox-client-secret"
LIVES_S = 3600


class TokenServer:
    """auth.sandbox.test; its tokens are taken by webhook receivers that ask for them."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def reset(self) -> None:
        """Take all tokens back."""
        self._tokens.clear()

    def knows(self, authorization: str, now: float) -> bool:
        """Whether a header carries a token that is still alive."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and self._tokens.get(token, 0.0) > now

    def answer(self, call: Call) -> Answer:
        """One token."""
        if call.path != PATH or call.method != "POST":
            return json_answer({"error": "invalid_request"}, 404)
        if not _client_ok({name.lower(): value for name, value in call.headers.items()}.get("authorization", "")):
            return json_answer({"error": "invalid_client"}, 401, {"WWW-Authenticate": "Basic"})
        if parse_qs(call.body.decode(errors="replace")).get("grant_type") != ["client_credentials"]:
            return json_answer({"error": "unsupported_grant_type"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = call.now + LIVES_S
        headers = {"Cache-Control": "no-store"}
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": LIVES_S}, 200, headers)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The body of an error status."""
        return orjson.dumps({"error": "temporarily_unavailable", "retry_after": retry_after, "status": status})


def _client_ok(authorization: str) -> bool:
    scheme, _, pair = authorization.partition(" ")
    try:
        client, _, secret = base64.b64decode(pair, validate=True).decode().partition(":")
    except ValueError:
        return False
    return scheme.lower() == "basic" and (unquote_plus(client), unquote_plus(secret)) == (CLIENT, SECRET)
