"""Permissions as data: the documented table, changed at run time, the same answer wherever it is asked."""

import pytest

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.exceptions import RightMissing
from apps.accounts.grants import GRANTS, LEVELS
from apps.accounts.permissions import needs
from apps.accounts.selectors import allowed, permission_require, permissions_of, users_allowed
from apps.core import config
from apps.core.exceptions import OperatorError, PermanentError
from tests.accounts.conftest import MakeUser
from tests.accounts.test_coming_in import client_of

OPENED = {
    "free": ("opportunities.paper", "ai.view", "analytics.own"),
    "basic": ("trading.manual", "ai.analyze", "opportunities.scan", "opportunities.rules"),
    "premium": ("opportunities.premium", "ai.own_keys", "ai.own_templates", "trading.semi_automatic"),
    "enterprise": ("trading.automatic", "analytics.dashboard", "analytics.users", "analytics.performance"),
    "admin": ("analytics.system", "admin.users", "admin.invitations", "admin.opportunities", "admin.templates"),
    "super_admin": ("admin.roles", "admin.config", "admin.operator_keys"),
}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    config.forget()


@pytest.mark.parametrize("place", range(len(LEVELS)))
def test_each_level_opens_the_documented_and_all_below(make_user: MakeUser, place: int) -> None:
    level = LEVELS[place]
    user = make_user("ada", Tier(level)) if level in Tier.values else make_user("ada", role=Role(level))
    expected = {name for below in LEVELS[: place + 1] for name in OPENED[below]}
    documented = set().union(*OPENED.values())
    assert set(permissions_of(user)) & documented == expected
    # What was added since the table was written is at least somebody's.
    assert documented <= set(GRANTS)


@pytest.mark.parametrize("permission", sorted(GRANTS))
def test_the_list_of_people_agrees_with_the_question(make_user: MakeUser, permission: str) -> None:
    people = [make_user(tier.value, tier) for tier in Tier]
    people += [make_user(role.value, role=role) for role in (Role.ADMIN, Role.SUPER_ADMIN)]
    people += [make_user("gone", Tier.ENTERPRISE, Role.SUPER_ADMIN, status=UserStatus.SUSPENDED)]
    people += [make_user("root", is_superuser=True)]
    assert set(users_allowed(permission)) == {user for user in people if allowed(user, permission)}


def test_nobody_and_who_is_suspended_may_nothing(make_user: MakeUser) -> None:
    gone = make_user("gone", Tier.ENTERPRISE, Role.SUPER_ADMIN, status=UserStatus.SUSPENDED)
    for user in (None, object(), gone):
        assert not any(allowed(user, permission) for permission in GRANTS)


def test_operators_move_a_permission_and_every_view_obeys(make_user: MakeUser) -> None:
    client = client_of(make_user("ada"))
    url = "/api/v1/opportunities?premium=true"
    answer = client.get(url)
    assert (answer.status_code, answer.json()["required_tier"]) == (403, "premium")
    config.config_set(key="grant.opportunities.premium", value="enterprise", actor_id=None)
    assert client.get(url).json()["required_tier"] == "enterprise"
    config.config_set(key="grant.opportunities.premium", value="free", actor_id=None)
    assert client.get(url).status_code == 200
    config.config_reset(key="grant.opportunities.premium", actor_id=None)
    assert client.get(url).status_code == 403


def test_paper_orders_obey_as_well(make_user: MakeUser) -> None:
    client = client_of(make_user("ada"))
    url = "/api/v1/opportunities/6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11/execute"
    assert client.post(url, {}, format="json").status_code == 404
    config.config_set(key="grant.opportunities.paper", value="basic", actor_id=None)
    answer = client.post(url, {}, format="json")
    assert (answer.status_code, answer.json()["required_tier"]) == (403, "basic")
    config.config_reset(key="grant.opportunities.paper", actor_id=None)


@pytest.mark.parametrize(
    ("permission", "level"),
    [("admin.users", "enterprise"), ("analytics.system", "free"), ("trading.manual", "gold"), ("ai.view", None)],
)
def test_what_operators_do_is_not_opened_to_customers(db: None, permission: str, level: object) -> None:
    with pytest.raises(PermanentError):
        config.config_set(key=f"grant.{permission}", value=level, actor_id=None)


@pytest.mark.parametrize("permission", OPENED["super_admin"])
def test_who_makes_operators_is_no_setting(db: None, permission: str) -> None:
    with pytest.raises(OperatorError):
        config.config_set(key=f"grant.{permission}", value="admin", actor_id=None)


def test_a_refusal_names_what_is_needed(make_user: MakeUser) -> None:
    ada = make_user("ada")
    with pytest.raises(RightMissing) as by_tier:
        permission_require(ada, "trading.manual")
    with pytest.raises(RightMissing) as by_role:
        permission_require(ada, "admin.config")
    assert (by_tier.value.code, by_tier.value.required) == ("tier_required", {"required_tier": "basic"})
    assert (by_role.value.code, by_role.value.required) == ("role_required", {"required_role": "super_admin"})


def test_an_unknown_permission_is_a_mistake_of_ours(make_user: MakeUser) -> None:
    with pytest.raises(OperatorError):
        allowed(make_user("ada"), "trading.everything")
    with pytest.raises(KeyError):
        needs("trading.everything")
