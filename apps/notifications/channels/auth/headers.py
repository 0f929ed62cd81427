"""Sign-in by a header that is made from the credentials alone."""

import base64
from collections.abc import Mapping
from typing import ClassVar

from apps.notifications.channels.auth.base import Auth, bad, name_check
from apps.notifications.channels.base import CredentialField

API_KEY_HEADER = "X-API-Key"


class NoAuth(Auth):
    """The signature is all."""

    name: ClassVar[str] = "none"

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """None."""
        return {}


class ApiKeyAuth(Auth):
    """A key in a header of the receiver's choice."""

    name: ClassVar[str] = "api_key"
    fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("api_key", "API key"),
        CredentialField("api_key_header", f"Header of the API key ({API_KEY_HEADER})", secret=False, required=False),
    )

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the values: the header may be set."""
        super().check(credentials)
        name_check(credentials.get("api_key_header") or API_KEY_HEADER)

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """The key."""
        return {credentials.get("api_key_header") or API_KEY_HEADER: credentials["api_key"]}


class BearerAuth(Auth):
    """A fixed bearer token (RFC 6750 section 2.1)."""

    name: ClassVar[str] = "bearer"
    fields: ClassVar[tuple[CredentialField, ...]] = (CredentialField("bearer_token", "Bearer token"),)

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the values: a token is one word."""
        super().check(credentials)
        if " " in credentials["bearer_token"]:
            raise bad("A bearer token has no spaces; leave the word Bearer out.")

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Bearer {credentials['bearer_token']}"}


class BasicAuth(Auth):
    """User name and password (RFC 7617)."""

    name: ClassVar[str] = "basic"
    fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("basic_user", "User name", secret=False),
        CredentialField("basic_password", "Password"),
    )

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the values: a colon would end the user name early."""
        super().check(credentials)
        if ":" in credentials["basic_user"]:
            raise bad("A user name for basic sign-in has no colon.")

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Both, in base64."""
        return {"Authorization": f"Basic {_pair(credentials)}"}

    def derived(self, credentials: Mapping[str, str]) -> tuple[str, ...]:
        """What is in the header hides nothing."""
        return (_pair(credentials),)


class HeaderAuth(Auth):
    """A header of the receiver's own."""

    name: ClassVar[str] = "header"
    fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("header_name", "Header name", secret=False),
        CredentialField("header_value", "Header value"),
    )

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the values: the header may be set."""
        super().check(credentials)
        name_check(credentials["header_name"])

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """The header."""
        return {credentials["header_name"]: credentials["header_value"]}


def _pair(credentials: Mapping[str, str]) -> str:
    return base64.b64encode(f"{credentials['basic_user']}:{credentials['basic_password']}".encode()).decode()
