"""Error answers and pages of the API."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from apps.core import clock
from apps.core.api.errors import exception_handler
from apps.core.api.pagination import CursorPagination
from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.core.models import AuditRecord, ConfigValue, IdempotencyKey, ScheduleSlot


def answer(error: Exception) -> Response:
    response = exception_handler(error, {})
    assert response is not None
    assert response.content_type == "application/problem+json"
    assert set(response.data) == {"type", "title", "status", "code", "detail", "errors"}
    assert response.data["status"] == response.status_code
    return response


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (PermanentError("No such chat.", code="no_chat"), 400, "no_chat", "No such chat."),
        (TemporaryError("Try again."), 503, "temporary", "Try again."),
        (OperatorError("SMTP_PASSWORD is wrong"), 500, "operator", "The service is misconfigured."),
        (ArbEdgeError("Something."), 500, "error", "Something."),
        (exceptions.NotAuthenticated(), 401, "not_authenticated", "Authentication credentials were not provided."),
        (exceptions.PermissionDenied("Needs premium.", "tier"), 403, "tier", "Needs premium."),
        (PermissionDenied(), 403, "permission_denied", "You do not have permission to perform this action."),
        (Http404("secret row 7"), 404, "not_found", "Not found."),
    ],
)
def test_every_error_is_a_problem_with_a_code(error: Exception, status: int, code: str, detail: str) -> None:
    response = answer(error)
    assert (response.status_code, response.data["code"], response.data["detail"]) == (status, code, detail)
    assert response.data["errors"] == []


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (29.6, "30")])
def test_a_throttle_says_when_to_come_again(seconds: float, header: str) -> None:
    response = answer(ThrottledError("Slow down.", retry_after=seconds))
    assert response.status_code == 429
    assert response["Retry-After"] == header


def test_headers_of_the_frameworks_own_throttle_stay() -> None:
    response = answer(exceptions.Throttled(wait=12))
    assert (response.status_code, response["Retry-After"], response.data["code"]) == (429, "12", "throttled")


def test_invalid_fields_are_named_with_their_path() -> None:
    class Leg(serializers.Serializer[Any]):
        price = serializers.DecimalField(max_digits=10, decimal_places=2)

    class Form(serializers.Serializer[Any]):
        name = serializers.CharField()
        legs = Leg(many=True)

    form = Form(data={"legs": [{"price": "1"}, {"price": "x"}]})
    assert not form.is_valid()
    response = answer(exceptions.ValidationError(form.errors))
    assert (response.status_code, response.data["code"]) == (400, "invalid")
    assert response.data["errors"] == [
        {"field": "name", "code": "required", "detail": "This field is required."},
        {"field": "legs[1].price", "code": "invalid", "detail": "A valid number is required."},
    ]


def test_errors_of_a_list_are_numbered() -> None:
    detail: Any = [{}, {"price": ["Too low."]}]
    assert answer(exceptions.ValidationError(detail)).data["errors"] == [
        {"field": "[1].price", "code": "invalid", "detail": "Too low."}
    ]


def test_an_error_of_no_field() -> None:
    assert answer(exceptions.ValidationError("No.")).data["errors"] == [
        {"field": "", "code": "invalid", "detail": "No."}
    ]


def test_what_nobody_foresaw_is_left_to_django() -> None:
    assert exception_handler(KeyError("x"), {}) is None


def page(query: str = "") -> Any:
    pages = CursorPagination()
    pages.ordering = ("name",)
    request = Request(APIRequestFactory().get(f"http://testserver/api{query}"))
    rows = pages.paginate_queryset(ScheduleSlot.objects.all(), request)
    assert rows is not None
    return pages.get_paginated_response([row.name for row in rows]).data


@pytest.mark.django_db
def test_pages_follow_each_other_and_say_where_the_data_comes_from(settings: Any) -> None:
    settings.ORIGIN = "sandbox"
    for number in range(5):
        ScheduleSlot.objects.create(name=f"s{number}", last_slot=0, claimed_at=clock.wall_now())
    first = page("?limit=3")
    assert (first["results"], first["previous"], first["origin"]) == (["s0", "s1", "s2"], None, "sandbox")
    second = page(first["next"].removeprefix("http://testserver/api"))
    assert (second["results"], second["next"]) == (["s3", "s4"], None)


@pytest.mark.django_db
def test_no_page_is_longer_than_a_hundred() -> None:
    ScheduleSlot.objects.bulk_create(
        ScheduleSlot(name=f"s{number:03}", last_slot=0, claimed_at=clock.wall_now()) for number in range(120)
    )
    assert len(page("?limit=1000")["results"]) == 100
    assert len(page()["results"]) == 50


@pytest.mark.django_db
def test_rows_are_named_by_what_people_look_for() -> None:
    moment = clock.wall_now()
    assert str(ScheduleSlot(name="poll", last_slot=0, claimed_at=moment)) == "poll"
    assert str(ConfigValue(key="cap", value=1)) == "cap"
    assert str(AuditRecord(action="user.suspend", target="accounts.User:1")) == "user.suspend accounts.User:1"
    assert str(IdempotencyKey(scope="u1", key="k1")) == "u1:k1"


def test_the_schema_knows_the_origin() -> None:
    described = CursorPagination().get_paginated_response_schema({"type": "array"})
    assert set(described["properties"]) == {"results", "next", "previous", "origin"}
