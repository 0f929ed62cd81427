"""The OpenAPI document: valid, complete, and readable in a browser without anybody else's server."""

import io
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from tests.api.conftest import MakeUser

# To sign in, for load balancers, for Twilio with its signature and for Telegram with its secret.
PUBLIC = (
    "/api/v1/auth/login",
    "/api/v1/auth/recovery",
    "/api/v1/auth/register",
    "/api/v1/health",
    "/api/v1/notifications/sms-status",
    "/api/v1/payments/webhook",
    "/api/v1/telegram/webhook",
)
# What signed links in messages lead to: pages for people.
PAGES = {
    "/api/v1/notifications/feedback/{token}",
    "/api/v1/notifications/files/{token}",
    "/api/v1/notifications/unsubscribe/{token}",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def test_document_is_valid_without_a_warning() -> None:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "/api/v1/opportunities" in out.getvalue()


def test_every_address_of_the_api_is_described(document: dict[str, Any]) -> None:
    described = set(document["paths"])
    served = {
        re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{route}")
        for route in (str(pattern) for pattern in _routes(get_resolver().url_patterns))
        if route.startswith("api/v1/")
    }
    assert served - PAGES == described


def _routes(patterns: list[Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        found += _routes(pattern.url_patterns, route) if hasattr(pattern, "url_patterns") else [route]
    return found


def test_every_operation_says_how_to_sign_in_and_what_can_go_wrong(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["Token"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["operationId"] and operation["summary"] and operation["tags"]
            if path.startswith(PUBLIC):
                assert "security" not in operation or {} in operation["security"], path
                continue
            assert {"Token": []} in operation["security"], path
            problem = operation["responses"]["401"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"].endswith("/Problem")
            assert problem["examples"]


def test_list_has_an_example_page(document: dict[str, Any]) -> None:
    content = document["paths"]["/api/v1/opportunities"]["get"]["responses"]["200"]["content"]["application/json"]
    [example] = content["examples"].values()
    assert set(example["value"]) == {"results", "next", "previous", "origin"}
    row = document["components"]["schemas"]["Opportunity"]["properties"]
    assert set(example["value"]["results"][0]) == set(row)


def test_errors_have_the_type_that_the_document_says(make_user: MakeUser) -> None:
    for query in ("", "?kind=nonsense"):
        response = APIClient().get(f"/api/v1/opportunities{query}")
        assert response.headers["Content-Type"] == "application/problem+json"
        assert set(response.json()) == {"type", "title", "status", "code", "detail", "errors"}


@pytest.mark.parametrize("url", ["/api/docs/", "/api/redoc/"])
def test_human_docs_load_nothing_from_elsewhere(db: None, url: str) -> None:
    response = APIClient().get(url, HTTP_ACCEPT="text/html")
    assert response.status_code == 200
    page = response.content.decode()
    assert "drf_spectacular_sidecar" in page
    assert "cdn" not in page and 'src="http' not in page


def test_document_is_served(db: None) -> None:
    response = APIClient().get("/api/schema/")
    assert response.status_code == 200
    assert b"openapi: 3" in response.content
