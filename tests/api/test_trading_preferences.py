"""How people say that they trade: presets, versions to go back to, and what counts at once."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.core import clock
from apps.core.models import AuditRecord
from apps.markets.models import Exchange, Market
from apps.opportunities.models import Preferences, PreferencesVersion
from apps.opportunities.presets import PRESETS
from apps.opportunities.selectors import preferences_of
from apps.opportunities.services import preferences_set
from apps.opportunities.services.preferences import VERSIONS_KEPT, WISHES
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"
MINE = "/api/v1/users/preferences"
PRESET = f"{MINE}/presets"
VERSIONS = f"{MINE}/versions"


@pytest.fixture
def ada(make_user: MakeUser) -> User:
    return make_user("ada")


@pytest.fixture
def api(ada: User) -> APIClient:
    return client_of(ada)


def say(api: APIClient, **wishes: Any) -> Any:
    answer = api.patch(MINE, wishes, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def versions(api: APIClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get(VERSIONS).json()["results"]
    return rows


def perpetual(exchange: str, leverage: str) -> None:
    row, _ = Exchange.objects.get_or_create(id=exchange, defaults={"name": exchange})
    Market.objects.create(
        exchange=row, symbol="BTC/USDT:USDT", type="swap", base="BTC", quote="USDT", settle="USDT", instrument="BTC",
        max_leverage=Decimal(leverage),
    )  # fmt: skip


def test_by_default_everything_is_done_by_hand_and_signals_come_to_nobody(api: APIClient, ada: User) -> None:
    body = api.get(MINE).json()
    told = ("experience", "automation", "automation_counting", "automation_scope", "trading_now", "max_leverage")
    assert [body[name] for name in told] == ["beginner", "manual", "manual", "arbitrage", True, "1"]
    assert not preferences_of(ada).wants_signals


@pytest.mark.parametrize(
    ("tier", "chosen", "needed"),
    [
        (Tier.FREE, "semi_automatic", "premium"),
        (Tier.BASIC, "semi_automatic", "premium"),
        (Tier.PREMIUM, "semi_automatic", ""),
        (Tier.PREMIUM, "automatic", "enterprise"),
        (Tier.ENTERPRISE, "automatic", ""),
    ],
)
def test_automation_is_bounded_by_the_tier(make_user: MakeUser, tier: Tier, chosen: str, needed: str) -> None:
    api = client_of(make_user("eve", tier))
    answer = api.patch(MINE, {"automation": chosen}, format="json")
    if needed:
        assert (answer.status_code, answer.json()["required_tier"]) == (403, needed)
        assert not Preferences.objects.exists()
    else:
        assert (answer.status_code, answer.json()["automation_counting"]) == (200, chosen)


def test_automation_falls_with_the_tier_and_the_choice_stays(make_user: MakeUser) -> None:
    eve = make_user("eve", Tier.ENTERPRISE)
    api = client_of(eve)
    say(api, automation="automatic")
    User.objects.filter(pk=eve.pk).update(tier=Tier.PREMIUM)
    body = api.get(MINE).json()
    assert (body["automation"], body["automation_counting"]) == ("automatic", "semi_automatic")
    # What was there before may stay, and everything else still be changed.
    assert say(api, max_risk="low")["automation"] == "automatic"
    User.objects.filter(pk=eve.pk).update(tier=Tier.FREE)
    assert api.get(MINE).json()["automation_counting"] == "manual"


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"trading_from": "09:00"}, "trading_to"),
        ({"trading_from": "09:00", "trading_to": "09:00"}, "trading_to"),
        ({"trading_days": [0]}, "trading_days[0]"),
        ({"max_leverage": "0.5"}, "max_leverage"),
        ({"max_leverage": "126"}, "max_leverage"),
        ({"max_leverage": "NaN"}, "max_leverage"),
        ({"experience": "guru"}, "experience"),
        ({"automation": "yes"}, "automation"),
        ({"symbols": ["BTC USDT"]}, "symbols"),
        ({"symbols": ["BTC/USDT/EUR"]}, "symbols"),
        ({"symbols": ["/USDT"]}, "symbols"),
        ({"min_net_edge": "1.01"}, "min_net_edge"),
        ({"min_net_edge": "-0.01"}, "min_net_edge"),
        ({"automation_counting": "automatic"}, ""),
    ],
)
def test_what_is_out_of_range_is_told(api: APIClient, wishes: dict[str, Any], field: str) -> None:
    answer = api.patch(MINE, wishes, format="json")
    if field:
        assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, [field])
        assert not Preferences.objects.exists()
    else:
        assert answer.json()["automation_counting"] == "manual"


@pytest.mark.parametrize(
    "symbol", ["BTC", "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC-261225", "1000PEPE/USDT", "币安/USDT"]
)
def test_symbols_are_ccxts(api: APIClient, symbol: str) -> None:
    assert say(api, symbols=[symbol])["symbols"] == [symbol]


def test_leverage_is_what_the_persons_exchanges_lend(api: APIClient, settings: Any) -> None:
    settings.EXCHANGES = ["binance", "okx"]
    assert say(api, max_leverage="20")["max_leverage"] == "20"
    assert api.patch(MINE, {"max_leverage": "20.5"}, format="json").json()["code"] == "leverage_too_high"
    perpetual("binance", "75")
    perpetual("okx", "10")
    assert say(api, max_leverage="75")["max_leverage"] == "75"
    answer = api.patch(MINE, {"max_leverage": "50", "exchanges": ["okx"]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "leverage_too_high")
    assert "10" in answer.json()["detail"]
    # Together or not at all.
    assert api.get(MINE).json()["exchanges"] == []


@pytest.mark.parametrize(
    ("moment", "wishes", "open"),
    [
        # Wednesday, 9:00 in Berlin is 8:00 UTC in winter.
        (datetime(2026, 3, 4, 7, 59, tzinfo=UTC), {}, False),
        (datetime(2026, 3, 4, 8, 0, tzinfo=UTC), {}, True),
        (datetime(2026, 3, 4, 16, 0, tzinfo=UTC), {}, False),
        # Summer time: an hour earlier.
        (datetime(2026, 7, 1, 7, 0, tzinfo=UTC), {}, True),
        (datetime(2026, 3, 4, 8, 0, tzinfo=UTC), {"trading_days": [1, 2]}, False),
        # Hours over midnight belong to the day on which they began.
        (datetime(2026, 3, 4, 1, 0, tzinfo=UTC), {"trading_from": "22:00", "trading_to": "03:00"}, True),
        (
            datetime(2026, 3, 4, 1, 0, tzinfo=UTC),
            {"trading_from": "22:00", "trading_to": "03:00", "trading_days": [3]},
            False,
        ),
        (datetime(2026, 3, 4, 1, 0, tzinfo=UTC), {"trading_from": None, "trading_to": None, "trading_days": [3]}, True),
    ],
)
def test_hours_are_by_ones_own_clocks(
    api: APIClient, ada: User, moment: datetime, wishes: dict[str, Any], open: bool
) -> None:
    User.objects.filter(pk=ada.pk).update(timezone="Europe/Berlin")
    say(api, **({"trading_from": "09:00", "trading_to": "17:00"} | wishes))
    with time_machine.travel(moment, tick=False):
        assert api.get(MINE).json()["trading_now"] is open


def test_every_preset_can_be_applied_by_everybody(make_user: MakeUser) -> None:
    names = {field.name for field in WISHES}
    for name, preset in PRESETS.items():
        assert set(preset.wishes) <= names
        api = client_of(make_user(name, Tier.FREE))
        assert say(api, trading_days=[1])["trading_days"] == [1]
        body = api.post(f"{PRESET}/{name}").json()
        stored = Preferences.objects.get(user__email=f"{name}@example.test")
        assert {wish: getattr(stored, wish) for wish in preset.wishes} == dict(preset.wishes)
        # What the preset does not name stays, and it passes the checks of what people say themselves.
        assert body["trading_days"] == [1]
        assert versions(api)[0]["reason"] == f"preset:{name}"
        said = {wish: body[wish] for wish in preset.wishes}
        assert say(api, **said)["max_risk"] == preset.wishes["max_risk"]
    assert {row["name"] for row in api.get(PRESET).json()} == set(PRESETS) >= {"conservative", "balanced", "aggressive"}
    assert api.post(f"{PRESET}/greedy").status_code == 404


def test_versions_tell_what_changed_and_lead_back(api: APIClient) -> None:
    say(api, max_risk="low", symbols=["BTC"], min_net_edge="0.002", trading_from="09:00", trading_to="17:30")
    say(api, max_risk="medium")
    # Nothing new is no version.
    say(api, max_risk="medium", symbols=["BTC"], min_net_edge="0.0020", trading_to="17:30:00")
    assert [(row["number"], row["reason"], row["by_you"]) for row in versions(api)] == [
        (3, "changed", True), (2, "changed", True), (1, "before", True),
    ]  # fmt: skip
    assert versions(api)[0]["changes"] == {"max_risk": ["low", "medium"]}
    assert versions(api)[1]["changes"]["min_net_edge"] == [None, "0.00200000"]
    body = api.post(f"{VERSIONS}/2/rollback").json()
    assert (body["max_risk"], body["min_net_edge"], body["trading_to"]) == ("low", "0.00200000", "17:30:00")
    assert (versions(api)[0]["number"], versions(api)[0]["reason"]) == (4, "rollback:2")
    body = api.post(f"{VERSIONS}/1/rollback").json()
    assert (body["max_risk"], body["symbols"], body["min_net_edge"], body["trading_from"]) == ("high", [], None, None)
    assert api.post(f"{VERSIONS}/99/rollback").json()["code"] == "version_not_found"


def test_going_back_gives_no_right_that_is_gone(make_user: MakeUser) -> None:
    eve = make_user("eve", Tier.PREMIUM)
    api = client_of(eve)
    say(api, automation="semi_automatic")
    say(api, automation="manual")
    User.objects.filter(pk=eve.pk).update(tier=Tier.BASIC)
    answer = api.post(f"{VERSIONS}/2/rollback")
    assert (answer.status_code, answer.json()["required_tier"]) == (403, "premium")
    assert api.get(MINE).json()["automation"] == "manual"


def test_versions_are_bounded_and_ones_own(
    api: APIClient, ada: User, make_user: MakeUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for round in range(VERSIONS_KEPT + 5):
        preferences_set(user=ada, wishes={"max_risk": ("low", "high")[round % 2]}, now=clock.now())
    numbers = sorted(PreferencesVersion.objects.values_list("number", flat=True))
    assert numbers == list(range(7, VERSIONS_KEPT + 7))
    eve = client_of(make_user("eve"))
    assert versions(eve) == []
    assert eve.post(f"{VERSIONS}/{VERSIONS_KEPT}/rollback").status_code == 404
    # Signing in, and one for all rows.
    api.get(VERSIONS)
    with django_assert_num_queries(2):
        assert len(versions(api)) == VERSIONS_KEPT


def test_who_changed_it_is_told_and_recorded(api: APIClient, ada: User, make_user: MakeUser) -> None:
    admin = make_user("op", role=Role.ADMIN)
    preferences_set(user=ada, wishes={"max_risk": "low"}, now=clock.now(), actor=admin)
    assert [row["by_you"] for row in versions(api)] == [False, True]
    record = AuditRecord.objects.get(action="preferences.changed")
    assert (record.actor_id, record.target) == (str(admin.pk), f"accounts.User:{ada.pk}")


def test_a_change_counts_with_the_next_question(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    row = make_opportunity(risk="medium")
    assert [one["id"] for one in api.get(LIST).json()["results"]] == [str(row.pk)]
    say(api, max_risk="low")
    assert api.get(LIST).json()["results"] == []
    api.post(f"{VERSIONS}/1/rollback")
    assert [one["id"] for one in api.get(LIST).json()["results"]] == [str(row.pk)]


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", PRESET), ("post", f"{PRESET}/balanced"), ("get", VERSIONS), ("post", f"{VERSIONS}/1/rollback")],
)
def test_nothing_without_signing_in(method: str, path: str) -> None:
    assert getattr(APIClient(), method)(path).status_code == 401
