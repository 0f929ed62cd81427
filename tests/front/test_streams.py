"""Streams: what is told to whom, going on after a break, and readers who are slow or not let in."""

import asyncio
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.enums import Role, Tier, UserStatus
from apps.accounts.models import ApiToken, User
from apps.accounts.selectors import policy_of
from apps.core import clock
from apps.core.front import events as wire
from apps.core.front import places, streams
from apps.notifications.models import Notification
from apps.opportunities.enums import Context
from apps.opportunities.models import Opportunity, Preferences, Seen
from arbedge import front
from tests.api.conftest import MakeOpportunity, MakeUser, client_of
from tests.front.conftest import STREAM, Play, Site, TokenOf, eventually, in_thread
from tests.notifications.people import notification_new


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of these tests are made behind the services' backs: nothing rings."""
    monkeypatch.setattr(streams, "LOOK_EVERY_S", 0.02)


def test_an_opportunity_is_told_when_it_is_there_and_when_it_ends(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity(age_s=60)
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        reader = await site.listen(token)
        row = await in_thread(lambda: make_opportunity(age_s=0))
        begun = await reader.until(1)
        await in_thread(
            lambda: Opportunity.objects.filter(pk=row.pk).update(status="closed", closed_at=clock.now(), reason="gone")
        )
        return reader, row, begun, await reader.until(2)

    reader, row, begun, both = play(scene)
    assert (reader.status, reader.headers["content-type"]) == (200, "text/event-stream")
    assert reader.headers["cache-control"] == "no-store"
    assert reader.text.startswith("retry: ")
    assert [(name, data["id"]) for _, name, data in both] == [
        ("opportunity", str(row.pk)),
        ("opportunity_ended", str(row.pk)),
    ]
    assert begun[0][2]["net_edge"] and begun[0][2]["origin"] == "sandbox"
    assert both[1][2]["reason"] == "gone"


def test_each_is_told_only_what_is_theirs_to_see(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    ada, bob, eve = make_user("ada"), make_user("bob"), make_user("eve", Tier.FREE)
    Preferences.objects.create(user=bob, min_net_edge="0.5", updated_at=clock.now())
    tokens = [token_of(user) for user in (ada, bob, eve)]

    async def scene(site: Site) -> Any:
        readers = [await site.listen(token) for token in tokens]
        ripe = await in_thread(lambda: make_opportunity(age_s=299.9))
        own = await in_thread(lambda: make_opportunity(age_s=0, context=Context.PERSONAL, owner=ada))
        new = await in_thread(lambda: make_opportunity(age_s=0))
        await readers[0].until(2)
        await readers[2].until(1)
        return [{one[2]["id"] for one in reader.events()} for reader in readers], str(ripe.pk), str(own.pk), str(new.pk)

    (hers, his, eves), ripe, own, new = play(scene)
    assert hers == {own, new}
    # What the free tier is told is five minutes old, and wishes hold here as in the list.
    assert his == set() and eves == {ripe}


def test_what_is_told_counts_into_the_day_and_the_day_ends(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    user = make_user("ada", Tier.BASIC)
    token = token_of(user)

    async def scene(site: Site) -> Any:
        reader = await site.listen(token)
        await in_thread(lambda: [make_opportunity(age_s=0) for _ in range(12)])
        await reader.until(10)
        other = await site.listen(token)
        await in_thread(lambda: Notification.objects.all().delete())
        late = await in_thread(lambda: make_opportunity(age_s=0))
        await site.streams._look(list(site.streams._listeners))
        return reader.events(), other.events(), str(late.pk)

    told, other, late = play(scene)
    assert len(told) == 10 and Seen.objects.count() == 10
    assert late not in {one[2]["id"] for one in (*told, *other)}


def test_notifications_are_ones_own(play: Play, make_user: MakeUser, token_of: TokenOf) -> None:
    ada, eve = make_user("ada"), make_user("eve")
    tokens = [token_of(user) for user in (ada, eve)]

    async def scene(site: Site) -> Any:
        hers, eves = [await site.listen(token) for token in tokens]
        await in_thread(lambda: notification_new(ada, now=clock.now()))
        found = await hers.until(1)
        await site.streams._look(list(site.streams._listeners))
        return found, eves.events()

    found, eves = play(scene)
    assert found[0][1] == "notification" and found[0][2]["state"] and "sealed" not in found[0][2]
    assert eves == []


def test_a_stream_goes_on_where_it_broke_off(
    play: Play,
    make_user: MakeUser,
    make_opportunity: MakeOpportunity,
    token_of: TokenOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        reader = await site.listen(token)
        first = await in_thread(lambda: make_opportunity(age_s=0))
        [(last, _, _)] = await reader.until(1)
        reader.gone.set()
        await eventually(lambda: not site.streams._listeners, lambda: "still listening")
        missed = [await in_thread(lambda: make_opportunity(age_s=0)) for _ in range(3)]
        again = await site.listen(token, Last_Event_ID=last)
        await again.until(3)
        return {one[2]["id"] for one in again.events()}, first, missed

    told, first, missed = play(scene)
    assert {str(row.pk) for row in missed} <= told <= {str(row.pk) for row in (first, *missed)}


def test_who_was_away_for_too_long_is_told_so(play: Play, make_user: MakeUser, token_of: TokenOf) -> None:
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        reader = await site.listen(token, Last_Event_ID="1")
        return reader.events(), [
            (await site.ask(STREAM, token=token, Last_Event_ID=bad)).status for bad in ("x", "9" * 40)
        ]

    told, bad = play(scene)
    assert told == [("", "reset", {"reason": "too_old"})]
    assert bad == [400, 400]


@pytest.mark.parametrize(
    "ends",
    [
        lambda: ApiToken.objects.update(revoked_at=clock.wall_now()),
        lambda: User.objects.update(status=UserStatus.SUSPENDED),
    ],
)
def test_who_may_not_any_more_is_told_and_let_go(play: Play, make_user: MakeUser, token_of: TokenOf, ends: Any) -> None:
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        reader = await site.listen(token)
        await in_thread(ends)
        await eventually(lambda: reader.ended, lambda: reader.text)
        return reader.events(), len(site.streams._listeners)

    assert play(scene) == ([("", "end", {"reason": "signed_out"})], 0)


def test_a_slow_reader_is_let_go_and_keeps_nobody_waiting(
    play: Play,
    make_user: MakeUser,
    make_opportunity: MakeOpportunity,
    token_of: TokenOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "BUFFER_MAX", 3)
    tokens = [token_of(make_user(name)) for name in ("ada", "bob")]

    async def scene(site: Site) -> Any:
        slow, quick = [await site.listen(token) for token in tokens]
        slow.taking.clear()
        # Its first news is on the way while the others come.
        await in_thread(lambda: make_opportunity(age_s=0))
        await quick.until(1)
        for count in range(2, 8):
            await in_thread(lambda: make_opportunity(age_s=0))
            await quick.until(count)
        held = max(len(one.buffer) for one in site.streams._listeners)
        slow.taking.set()
        await eventually(lambda: slow.ended, lambda: slow.text)
        return held, slow.events()[-1], len(quick.events()), quick.ended

    held, last, quick, ended = play(scene)
    assert held <= 3
    assert last[1:] == ("end", {"reason": "slow_consumer"})
    assert (quick, ended) == (7, False)


def test_a_person_has_so_many_streams(play: Play, make_user: MakeUser, token_of: TokenOf) -> None:
    token, other = token_of(make_user("ada")), token_of(make_user("bob"))

    async def scene(site: Site) -> Any:
        readers = [await site.listen(token) for _ in range(places.MOST)]
        refused = await site.ask(STREAM, token=token)
        await site.listen(other)
        readers[0].gone.set()
        await eventually(lambda: len(site.streams._listeners) == places.MOST, lambda: "still listening")
        return refused, (await site.listen(token)).status

    refused, again = play(scene)
    assert (refused.status, refused.json()["code"]) == (429, "too_many_streams")
    assert again == 200


def test_a_heartbeat_comes_when_there_is_no_news(
    play: Play, make_user: MakeUser, token_of: TokenOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.02)
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> str:
        reader = await site.listen(token)
        await eventually(lambda: reader.text.count("\n: ") >= 2, lambda: reader.text)
        return reader.text

    assert play(scene)


def test_nobody_listens_without_credentials_or_to_nonsense(play: Play, make_user: MakeUser, token_of: TokenOf) -> None:
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        asked = [(None, STREAM), ("arb_no", STREAM), (token, f"{STREAM}?topics=all")]
        return [(await site.ask(path, token=text, Accept="text/event-stream")) for text, path in asked]

    answers = play(scene)
    assert [one.status for one in answers] == [401, 401, 400]
    assert all(one.headers["content-type"] == "application/problem+json" for one in answers)


def test_without_the_front_there_is_no_stream(make_user: MakeUser) -> None:
    answer = client_of(make_user("ada")).get(STREAM)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_stream")


def test_queries_of_a_look_don_t_grow_with_listeners_or_rows(
    make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    # Configuration is read once in two seconds.
    policy_of(Tier.FREE, Role.USER)
    counts = []
    for size in (1, 7):
        people = [
            make_user(f"{tier}{size}-{number}", tier) for number in range(size) for tier in (Tier.FREE, Tier.PREMIUM)
        ]
        for _ in range(size):
            make_opportunity(age_s=0)
            make_opportunity(age_s=300.001)
        since = clock.now() - wire.OVERLAP
        listeners = [
            wire.Listener(wire.Opening(one.pk, None, frozenset(), since, uuid.uuid4().hex), since) for one in people
        ]
        with CaptureQueriesContext(connection) as queries:
            for source in front.streams()._sources:
                assert list(source.events(listeners, until=clock.now())) or source.topic == "notifications"
            assert len(front.standing([one.opening for one in listeners])) == len(listeners)
        counts.append(len(queries))
        User.objects.filter(role=Role.USER).delete()
        Opportunity.objects.all().delete()
    assert counts[0] == counts[1]


def test_a_hundred_streams_block_nobody(
    play: Play, make_user: MakeUser, token_of: TokenOf, make_opportunity: MakeOpportunity
) -> None:
    tokens = [token_of(make_user(f"p{number}")) for number in range(20)]

    async def scene(site: Site) -> Any:
        readers = await asyncio.gather(*(site.listen(token) for token in tokens * places.MOST))
        await in_thread(lambda: make_opportunity(age_s=0))
        answer = await site.ask("/api/v1/opportunities/categories", token=tokens[0])
        for reader in readers:
            await reader.until(1)
        return answer.status, len(site.streams._listeners)

    assert play(scene) == (200, 100)
