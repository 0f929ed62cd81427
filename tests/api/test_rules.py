"""Rules of technical signals through the API: the owner's, nobody else's, and from the basic tier."""

import uuid
from typing import Any

import pytest

from apps.accounts.enums import Tier
from apps.core import clock, config
from apps.opportunities.models import TechnicalRule
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

URL = "/api/v1/opportunities/rules"
LIST = "/api/v1/opportunities"
LEADS = "/api/v1/opportunities/correlation"
FALLS = {"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}]}
BODY: dict[str, Any] = {"name": "falls", "side": "buy", "conditions": FALLS}
SIGNAL: dict[str, Any] = {
    "kind": "technical", "gross_edge": None, "net_edge": None, "peak_net_edge": None, "net_apr": None, "strength": 0.6,
    "score": 0.5, "leg_count": 1, "size": 0,
    "legs": [{"exchange": "okx", "symbol": "BTC/USDT", "market_id": 1, "side": "buy", "price": "100", "amount": None,
              "rate": None, "fee": "0.001"}],
    "evidence": {
        "kind": "technical", "formula": "technical/1", "conditions": FALLS,
        "readings": {"1h": {"rsi_14": [40, 15], "close": [100, 99], "atr_14": [None, 1]}},
    },
}  # fmt: skip


def test_an_owner_makes_reads_changes_and_deletes_a_rule(make_user: MakeUser, settings: Any) -> None:
    settings.EXCHANGES = ["okx"]
    client = client_of(make_user("ada", Tier.BASIC))
    assert client.get(URL).json() == []
    made = client.post(URL, BODY | {"exchanges": ["okx"], "symbols": ["BTC"]}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["side"], body["conditions"], body["is_enabled"]) == ("falls", "buy", FALLS, True)
    one = f"{URL}/{body['id']}"
    assert client.get(one).json() == client.get(URL).json()[0] == body
    changed = client.patch(one, {"is_enabled": False}, format="json").json()
    assert (changed["is_enabled"], changed["name"]) == (False, "falls")
    assert changed["updated_at"] >= body["updated_at"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert not TechnicalRule.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"conditions": {"all": [{**FALLS["all"][0], "value": 300}]}}, "conditions", "conditions.all[0].value"),
        ({"conditions": "rsi"}, "conditions", "object"),
        ({"side": "hold"}, "side", "hold"),
        ({"name": ""}, "name", "blank"),
        ({"exchanges": ["atlantis"]}, "exchanges", "atlantis"),
        ({"owner": str(uuid.uuid4())}, "owner", "Unknown"),
    ],
)
def test_bad_rules_are_told_by_field_and_store_nothing(
    make_user: MakeUser, changes: dict[str, Any], field: str, words: str
) -> None:
    response = client_of(make_user("ada")).post(URL, BODY | changes, format="json")
    assert response.status_code == 400
    [error] = [one for one in response.json()["errors"] if one["field"].startswith(field)]
    assert words in error["detail"]
    assert not TechnicalRule.objects.exists()


def test_somebody_elses_and_the_houses_rules_are_not_there(make_user: MakeUser) -> None:
    owner, outsider = make_user("ada"), client_of(make_user("eve", Tier.ENTERPRISE))
    facts = {"side": "buy", "conditions": FALLS, "created_at": clock.now(), "updated_at": clock.now()}
    theirs = TechnicalRule.objects.create(owner=owner, name="secret-of-ada", **facts)
    house = TechnicalRule.objects.create(name="house", **facts)
    assert outsider.get(URL).json() == []
    for rule in (theirs, house):
        answers = [
            outsider.get(f"{URL}/{rule.pk}"),
            outsider.patch(f"{URL}/{rule.pk}", {"name": "mine", "conditions": 1}, format="json"),
            outsider.delete(f"{URL}/{rule.pk}"),
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert all(b"secret-of-ada" not in answer.content for answer in answers)
    assert set(TechnicalRule.objects.values_list("name", flat=True)) == {"secret-of-ada", "house"}
    assert client_of(None).get(URL).status_code == 401


def test_free_accounts_make_none_and_may_delete_what_they_have(make_user: MakeUser) -> None:
    user = make_user("ada", Tier.FREE)
    client = client_of(user)
    assert client.post(URL, BODY, format="json").json()["code"] == "tier_required"
    now = clock.now()
    rule = TechnicalRule.objects.create(owner=user, created_at=now, updated_at=now, **BODY)
    assert client.patch(f"{URL}/{rule.pk}", {"name": "new"}, format="json").status_code == 403
    assert client.get(f"{URL}/{rule.pk}").status_code == 200
    assert client.delete(f"{URL}/{rule.pk}").status_code == 204
    assert client.get(LEADS, {"instrument": "BTC", "exchange": "okx"}).status_code == 403


def test_there_are_only_so_many(make_user: MakeUser) -> None:
    config.config_set(key="opportunities.rules_per_user", value=1, actor_id=None)
    client = client_of(make_user("ada"))
    assert client.post(URL, BODY, format="json").status_code == 201
    refused = client.post(URL, BODY, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "rules_full")
    assert TechnicalRule.objects.count() == 1


def test_a_signal_in_the_api(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    signal, arbitrage = make_opportunity(**SIGNAL | {"strength": 0.5}), make_opportunity()
    client = client_of(make_user("ada"))

    def ids(**query: Any) -> list[str]:
        response = client.get(LIST, query)
        assert response.status_code == 200
        return [row["id"] for row in response.json()["results"]]

    assert ids() == [str(arbitrage.pk), str(signal.pk)]
    assert ids(kind="technical") == ids(category="technical_momentum") == ids(min_strength=0.5) == [str(signal.pk)]
    assert ids(min_strength=0.6) == []
    assert ids(min_net_edge=0) == ids(ordering="-net_edge") == ids(ordering="net_edge") == [str(arbitrage.pk)]
    assert ids(ordering="-strength") == [str(signal.pk)]
    assert ids(exchange="okx", ordering="-score") == [str(arbitrage.pk), str(signal.pk)]
    body = client.get(f"{LIST}/{signal.pk}").json()
    assert (body["gross_edge"], body["net_edge"], body["net_edge_recomputed"]) == (None, None, None)
    assert body["strength"] == body["strength_recomputed"] == 0.5
    assert (body["waterfall"], body["history"], body["categories"]) == ([], [], ["technical_momentum"])
    assert client.get(f"{LIST}/{signal.pk}/waterfall.svg").status_code == 404
    taken = client.post(f"{LIST}/{signal.pk}/execute", {}, format="json", headers={"Idempotency-Key": "k1"})
    assert (taken.status_code, taken.json()["code"]) == (409, "execution_refused")
    assert client.get(f"{LIST}/{signal.pk}/size", {"notional": 100}).status_code == 409
    scanned = client.post(f"{LIST}/scan", {"kinds": ["technical"]}, format="json")
    assert (scanned.status_code, scanned.json()["errors"][0]["field"]) == (400, "kinds[0]")


def test_a_personal_signal_is_its_owners(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    owner = make_user("ada")
    mine = make_opportunity(**SIGNAL, context="personal", owner=owner)
    assert [row["id"] for row in client_of(owner).get(LIST).json()["results"]] == [str(mine.pk)]
    outsider = client_of(make_user("eve", Tier.ENTERPRISE))
    assert outsider.get(LIST).json()["results"] == []
    assert outsider.get(f"{LIST}/{mine.pk}").status_code == 404
    assert outsider.post(f"{LIST}/{mine.pk}/feedback", {"state": "viewed"}, format="json").status_code == 404


def test_lead_and_lag_needs_candles(make_user: MakeUser, redis_state: None) -> None:
    client = client_of(make_user("ada"))
    answer = client.get(LEADS, {"instrument": "BTC", "exchange": "okx"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_bars")
    assert client.get(LEADS, {"instrument": "BTC"}).status_code == 400
    assert client.get(LEADS, {"instrument": "BTC", "exchange": "okx", "timeframe": "1h"}).status_code == 400
