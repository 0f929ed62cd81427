"""How the OpenAPI document describes our tokens; drf-spectacular finds the class by its being imported."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class TokenScheme(OpenApiAuthenticationExtension):
    """`Authorization: Token arb_…` as an API key in a header: OpenAPI's `http` type only knows `Bearer`-like words."""

    target_class = "apps.accounts.auth.TokenAuthentication"
    name = "Token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The scheme's entry under `components.securitySchemes`."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token arb_…`; operators make tokens in the admin or with `manage.py token_create EMAIL`.",
        }
