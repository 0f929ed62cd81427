"""The tier table: the documented numbers, changeable at run time, the same for everybody who asks."""

import pytest

from apps.accounts.enums import Role, Tier
from apps.accounts.policies import policy_read
from apps.accounts.selectors import group_commands, tier_policy, user_policy
from apps.core import config
from apps.core.exceptions import PermanentError
from tests.accounts.conftest import MakeUser


@pytest.mark.parametrize(
    ("tier", "list_limit", "daily", "delay_s"),
    [
        (Tier.FREE, 5, 3, 300),
        (Tier.BASIC, 10, 10, 0),
        (Tier.PREMIUM, 20, None, 0),
        (Tier.ENTERPRISE, 50, None, 0),
    ],
)
def test_documented_numbers(db: None, tier: Tier, list_limit: int, daily: int | None, delay_s: int) -> None:
    config.forget()
    policy = tier_policy(tier)
    assert (policy.list_limit, policy.delay_s) == (list_limit, delay_s)
    assert policy.daily == {"arbitrage": daily, "technical": daily}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
def test_administrators_have_a_column_of_their_own(make_user: MakeUser, role: Role) -> None:
    config.forget()
    policy = user_policy(make_user("op", Tier.FREE, role))
    assert (policy.name, policy.list_limit, policy.delay_s) == ("admin", 100, 0)


def test_user_has_the_numbers_of_their_tier(make_user: MakeUser) -> None:
    config.forget()
    assert user_policy(make_user("ada", Tier.BASIC)) == tier_policy("basic")


def test_operators_change_a_number_at_run_time(make_user: MakeUser) -> None:
    ada = make_user("ada")
    config.config_set(key="tier.free.delay_s", value=60, actor_id=None)
    config.config_set(key="tier.free.daily_arbitrage", value=None, actor_id=None)
    assert (user_policy(ada).delay_s, user_policy(ada).daily["arbitrage"]) == (60, None)
    config.config_reset(key="tier.free.delay_s", actor_id=None)
    config.config_reset(key="tier.free.daily_arbitrage", actor_id=None)
    assert (user_policy(ada).delay_s, user_policy(ada).daily["arbitrage"]) == (300, 3)


@pytest.mark.parametrize(("key", "value"), [("list_limit", 0), ("list_limit", None), ("delay_s", -1), ("delay_s", "x")])
def test_senseless_numbers_are_refused(db: None, key: str, value: object) -> None:
    config.forget()
    before = tier_policy(Tier.FREE)
    with pytest.raises(PermanentError):
        config.config_set(key=f"tier.free.{key}", value=value, actor_id=None)
    assert tier_policy(Tier.FREE) == before


def test_unknown_tier_is_an_error(db: None) -> None:
    with pytest.raises(ValueError, match="gold"):
        tier_policy("gold")
    with pytest.raises(KeyError):
        policy_read("gold")


def test_groups_have_few_commands_and_operators_say_which(db: None) -> None:
    config.forget()
    assert group_commands() == {"help", "settings", "opportunities"}
    config.config_set(key="group.commands", value="/help  Status", actor_id=None)
    assert group_commands() == {"help", "status"}
    config.config_reset(key="group.commands", actor_id=None)


def test_the_old_name_of_a_tier_is_read_and_never_written() -> None:
    assert Tier("pro") is Tier(" PRO ") is Tier("Enterprise") is Tier.ENTERPRISE
    assert "pro" not in Tier.values
    for name in ("gold", "", None, 7):
        with pytest.raises(ValueError):
            Tier(name)  # type: ignore[arg-type]
