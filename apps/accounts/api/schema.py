"""How the OpenAPI document is made of views; it knows our tokens because both live here.

Loaded with the first document (`DEFAULT_SCHEMA_CLASS` is resolved then): the generator costs a tenth of a second."""

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Token arb_…` as an API key in a header: OpenAPI's `http` type only knows `Bearer`-like words."""

    target_class = "apps.accounts.auth.TokenAuthentication"
    name = "Token"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, Any]:
        """The scheme's entry under `components.securitySchemes`."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token arb_…`; operators make tokens in the admin or with `manage.py token_create EMAIL`.",
        }


class AutoSchema(openapi.AutoSchema):
    """The generator's own."""
