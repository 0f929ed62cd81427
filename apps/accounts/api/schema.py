"""How the OpenAPI document is made of views; it knows our tokens because both live here.

Loaded with the first document (`DEFAULT_SCHEMA_CLASS` is resolved then): the generator costs a tenth of a second."""

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from apps.accounts.scopes import Scope
from apps.core.api.schema import error_response


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
            "description": "`Token arb_…`, made at `auth/tokens`, or `Token arbs_…`, a session of `auth/login`.",
        }


class PageScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The cookie of a page."""

    target_class = "apps.accounts.auth.PageAuthentication"
    name = "pageCookie"


_SCOPE = error_response(
    403, "scope_required", "This needs a token with the scope write.", required_scope=Scope.WRITE.value
)


class AutoSchema(openapi.AutoSchema):
    """The generator's own, which says of every operation that a token may lack its scope."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if "403" not in bodies and self.view.get_authenticators():
            [((_, kind), answer)] = _SCOPE.items()
            bodies["403"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                answer, "403", media_types=[kind]
            )
        return bodies
