"""The main walk, as a newcomer starts it: `make run`'s installation, from the sandbox's exchanges to its phones."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import psutil
import pytest

from tests.installation import Installation, installation, until

pytestmark = [pytest.mark.embedded, pytest.mark.slow]

# What a visitor is promised after the ready line.
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    # Settled rates are read at the exchanges' pace, and who is stopped finishes what was begun.
    with installation(tmp_path_factory.mktemp("walk"), FUNDING_HISTORY_CALLS="2") as started:
        yield started


def listed(running: Installation, tier: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = running.get("/api/v1/opportunities?limit=50", token=running.token(tier))["results"]
    return results


def legs(opportunity: dict[str, Any]) -> tuple[Any, ...]:
    return (opportunity["kind"], *sorted((leg["exchange"], leg["symbol"], leg["side"]) for leg in opportunity["legs"]))


@pytest.fixture(scope="module")
def found(running: Installation) -> list[dict[str, Any]]:
    """What the API lists for enterprise once as much is there as the scenario holds."""
    expected = len(running.sandbox.scenario()["expected"])

    def enough() -> list[dict[str, Any]]:
        rows = listed(running, "enterprise")
        return rows if len(rows) >= expected else []

    return until(enough, seconds=PATIENCE_S, lines=running.lines)


def test_every_seeded_opportunity_is_found_and_none_of_the_decoys(
    running: Installation, found: list[dict[str, Any]]
) -> None:
    scenario = running.sandbox.scenario()
    assert {legs(row) for row in found} == {legs(row) for row in scenario["expected"]}
    least = {legs(row): Decimal(row["min_net_edge"]) for row in scenario["expected"]}
    assert all(Decimal(row["net_edge"]) >= least[legs(row)] for row in found)
    assert {row["origin"] for row in found} == {"sandbox"}
    decoys = {legs(row) for row in scenario["decoys"] if row.get("legs")}
    assert decoys
    assert not decoys & {legs(row) for row in found}


def test_the_net_edge_can_be_recomputed_from_the_evidence(running: Installation, found: list[dict[str, Any]]) -> None:
    for row in found:
        detail = running.get(f"/api/v1/opportunities/{row['id']}", token=running.token("enterprise"))
        assert detail["evidence"]
        assert Decimal(detail["net_edge_recomputed"]) == Decimal(detail["net_edge"])
        assert Decimal(detail["net_edge"]) <= Decimal(detail["gross_edge"])


def test_the_premium_trader_gets_each_channels_message(running: Installation, found: list[dict[str, Any]]) -> None:
    to = {"telegram": "1003", "webhook": "premium", "email": "premium.trader@demo.arbedge.test", "push": "premium"}

    def arrived() -> dict[str, dict[str, Any]]:
        messages = {
            item["provider"]: item for item in running.sandbox.received() if item["to"] == to.get(item["provider"])
        }
        return messages if set(messages) == set(to) else {}

    messages = until(arrived, seconds=PATIENCE_S, lines=running.lines)
    assert messages["webhook"]["signature_ok"] is True
    for message in messages.values():
        text = json.dumps(message["body"])
        assert "sandbox" in text.lower()
        assert "not risk-free" in text.lower()


def test_the_free_trader_waits(running: Installation, found: list[dict[str, Any]]) -> None:
    assert listed(running, "free") == []
    assert [item for item in running.sandbox.received("telegram") if item["to"] == "1001"] == []


def test_lists_are_as_long_as_the_tier_allows(running: Installation, found: list[dict[str, Any]]) -> None:
    assert len(listed(running, "basic")) == 10


def test_a_wrong_token_is_told(running: Installation) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        running.get("/api/v1/opportunities", token="arb_wrong")
    assert refused.value.code == 401
    assert json.load(refused.value)["code"] == "token_unknown"
    with pytest.raises(urllib.error.HTTPError) as anonymous:
        running.get("/api/v1/opportunities")
    assert anonymous.value.code == 401


def test_flower_asks_who_is_there(running: Installation) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(running.demo["urls"]["flower"], timeout=10)
    assert refused.value.code == 401


def test_the_terminal_tells_it_in_words(running: Installation, found: list[dict[str, Any]]) -> None:
    def told(words: str) -> bool:
        return any(words in line for line in running.lines)

    for words in ("found      cross exchange", "found      funding rate", "read       ", "delivered  "):
        until(partial(told, words), seconds=PATIENCE_S, lines=running.lines)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_ctrl_c_leaves_no_process_behind(running: Installation) -> None:
    """The last of this file: what it stops is what the others walked through."""
    children = psutil.Process(running.launcher.pid).children(recursive=True)
    assert len(children) > 8
    assert running.stop() == 0
    # A kill is carried out a moment after it was sent. Zombies are dead: in a container nobody may be there to reap an
    # orphan.
    until(lambda: not any(_alive(child) for child in children), seconds=20)
    until(lambda: any("Nothing was left running" in line for line in running.lines), seconds=20)
