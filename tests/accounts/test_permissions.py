"""Sign-in by token and what tiers and roles open, over real requests to views made here."""

from datetime import timedelta

import pytest
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.models import ApiToken
from apps.accounts.permissions import needs
from apps.accounts.services import token_create, token_revoke
from apps.core.clock import wall_now
from tests.accounts.conftest import MakeUser

pytestmark = pytest.mark.urls(__name__)


class AnyUser(APIView):
    def get(self, request: Request) -> Response:
        return Response({"email": request.user.email})  # type: ignore[union-attr]


class PremiumOnly(AnyUser):
    permission_classes = (needs("opportunities.premium"),)


class AdminOnly(AnyUser):
    permission_classes = (needs("admin.users"),)


urlpatterns = [
    path("any", AnyUser.as_view()),
    path("premium", PremiumOnly.as_view()),
    path("admin", AdminOnly.as_view()),
]


def _get(where: str, authorization: str = "") -> tuple[int, dict[str, object], str]:
    headers = {"Authorization": authorization} if authorization else {}
    response = APIClient().get(f"/{where}", headers=headers)
    return response.status_code, response.json(), response.headers.get("WWW-Authenticate", "")


def test_token_opens(make_user: MakeUser) -> None:
    text = token_create(user=make_user("ada"), name="bot")
    assert _get("any", f"Token {text}")[:2] == (200, {"email": "ada@example.test"})
    assert _get("any", f"token {text}")[0] == 200


@pytest.mark.parametrize("where", ["any", "premium", "admin"])
def test_without_credentials_401_and_how_to_give_them(db: None, where: str) -> None:
    status, body, challenge = _get(where)
    assert (status, body["code"]) == (401, "not_authenticated")
    assert challenge == 'Token realm="ArbEdge API"'


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Token arb_wrong", "token_unknown"),
        ("Token", "token_malformed"),
        ("Token arb_one arb_two", "token_malformed"),
        ("Token arb_\xe9", "token_malformed"),
    ],
)
def test_wrong_token_401_says_why(db: None, authorization: str, code: str) -> None:
    status, body, challenge = _get("any", authorization)
    assert (status, body["code"]) == (401, code)
    assert "ArbEdge API" in challenge
    assert "arb_wrong" not in str(body)


def test_other_schemes_are_not_ours(db: None) -> None:
    status, body, _ = _get("any", "Basic YWRhOnB3")
    assert (status, body["code"]) == (401, "not_authenticated")


def test_revoked_expired_and_suspended_401(make_user: MakeUser) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    revoked = token_create(user=ada, name="revoked")
    token_revoke(token_id=ApiToken.objects.get(name="revoked").pk)
    expired = token_create(user=ada, name="expired", expires_at=wall_now() - timedelta(seconds=1))
    suspended = token_create(user=eve, name="hers")
    eve.status = UserStatus.SUSPENDED
    eve.save()
    codes = {name: _get("any", f"Token {name}")[:2] for name in (revoked, expired, suspended)}
    assert [(status, body["code"]) for status, body in codes.values()] == [
        (401, "token_revoked"),
        (401, "token_expired"),
        (401, "account_inactive"),
    ]


@pytest.mark.parametrize(
    ("tier", "role", "status"),
    [
        (Tier.FREE, Role.USER, 403),
        (Tier.BASIC, Role.USER, 403),
        (Tier.PREMIUM, Role.USER, 200),
        (Tier.ENTERPRISE, Role.USER, 200),
        (Tier.FREE, Role.ADMIN, 200),
        (Tier.FREE, Role.SUPER_ADMIN, 200),
    ],
)
def test_tier_permission_names_the_tier(make_user: MakeUser, tier: Tier, role: Role, status: int) -> None:
    text = token_create(user=make_user("ada", tier, role), name="bot")
    got, body, _ = _get("premium", f"Token {text}")
    assert got == status
    if status == 403:
        assert (body["code"], body["required_tier"]) == ("tier_required", "premium")
        assert "premium" in str(body["detail"])


@pytest.mark.parametrize(("role", "status"), [(Role.USER, 403), (Role.ADMIN, 200), (Role.SUPER_ADMIN, 200)])
def test_role_permission_names_the_role(make_user: MakeUser, role: Role, status: int) -> None:
    text = token_create(user=make_user("ada", Tier.ENTERPRISE, role), name="bot")
    got, body, _ = _get("admin", f"Token {text}")
    assert got == status
    if status == 403:
        assert (body["code"], body["required_role"]) == ("role_required", "admin")
        assert "admin" in str(body["detail"])
