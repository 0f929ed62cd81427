"""What is answered again: to the right people, and never what they may not see."""

import asyncio
import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.enums import KeyState, Role, Tier, UserStatus
from apps.accounts.models import ApiToken, ExchangeKey, User
from apps.accounts.selectors import policy_of
from apps.core import clock, config
from apps.core.front import answers, application, standings
from apps.opportunities.audience import audience_key, audiences
from apps.opportunities.enums import Context
from apps.opportunities.models import Opportunity, Preferences, Seen
from arbedge import front
from tests.api.conftest import MakeOpportunity, MakeUser
from tests.front.conftest import LIST, Play, Site, TokenOf, in_thread


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing gets too old because the machine is busy; what is to be too old is made so."""
    monkeypatch.setattr(answers, "KEPT_S", 60.0)
    monkeypatch.setattr(application, "AHEAD_S", 60.0)
    for module in (standings, front):
        monkeypatch.setattr(module, "BELIEVED_S", 60.0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, _patient: None) -> None:
    """Nothing is kept."""
    monkeypatch.setattr(answers, "KEPT_S", 0.0)


def test_one_answer_for_everybody_of_an_audience(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    row = make_opportunity()
    tokens = [token_of(make_user(name)) for name in ("ada", "bob", "eve")]

    async def scene(site: Site) -> Any:
        together = await asyncio.gather(*(site.ask(token=token) for token in tokens * 5))
        return together, site.passed

    together, passed = play(scene)
    assert passed == 1
    assert [one.ids() for one in together] == [[str(row.pk)]] * 15
    # Each is told of their own quota.
    left = [int(one.headers["ratelimit"].split("r=")[1].split(";")[0]) for one in together]
    assert all(1195 <= one < 1200 for one in left)


@pytest.mark.parametrize(
    "differ",
    [
        lambda user: User.objects.filter(pk=user.pk).update(tier=Tier.ENTERPRISE),
        lambda user: User.objects.filter(pk=user.pk).update(tier=Tier.FREE),
        lambda user: User.objects.filter(pk=user.pk).update(role=Role.ADMIN),
        lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
        lambda user: Preferences.objects.create(user=user, min_net_edge="0.5", updated_at=clock.now()),
        lambda user: Preferences.objects.create(user=user, exchanges=["okx"], updated_at=clock.now()),
        lambda user: ExchangeKey.objects.create(
            user=user, exchange="okx", digest="d", state=KeyState.VALID, created_at=clock.now()
        ),
    ],
)
def test_whoever_differs_is_asked_about(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf, differ: Callable[[User], Any]
) -> None:
    for number in range(25):
        make_opportunity(age_s=600 if number else 10)
    ada, eve = make_user("ada"), make_user("eve")
    differ(eve)
    hers, eves = token_of(ada), token_of(eve)

    async def scene(site: Site) -> Any:
        first = await site.ask(token=hers)
        again = await site.ask(token=hers)
        return first, again, await site.ask(token=eves)

    first, again, other = play(scene)
    assert again.early and again.body == first.body
    assert not other.early
    alone = play(lambda site: site.ask(token=eves))
    assert other.ids() == alone.ids()


def test_every_wish_makes_an_audience(make_user: MakeUser) -> None:
    def key() -> str:
        return audience_key(
            level=level,
            policy=policy_of(Tier.PREMIUM, Role.USER),
            preferences=wishes,
            seen={},
            day=now.date(),
            alone=None,
        )

    now, level = clock.now(), (Tier.PREMIUM.value, Role.USER.value, False, ("read",))
    silent, stored = make_user("ada"), make_user("bob")
    Preferences.objects.create(user=stored, updated_at=now)
    # Who has stored the defaults is no other audience than who has said nothing.
    assert len(set(audiences([(silent.pk, level), (stored.pk, level)], now=now).values())) == 1
    wishes = Preferences(user=silent, updated_at=now)
    before = key()
    for field in Preferences._meta.concrete_fields:
        if field.attname in ("user_id", "updated_at"):
            continue
        was = getattr(wishes, field.attname)
        setattr(wishes, field.attname, {list: ["x"], bool: not was}.get(type(was), "other"))
        assert key() != before, field.attname
        setattr(wishes, field.attname, was)
        assert key() == before
    wishes.keyed = frozenset({"okx"})
    assert key() != before


def test_rows_of_ones_own_stay_ones_own(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    common = make_opportunity()
    own = make_opportunity(context=Context.PERSONAL, owner=ada, score=99.0)
    hers, his = token_of(ada), token_of(bob)

    async def scene(site: Site) -> Any:
        return [await site.ask(token=token) for token in (hers, his, hers, his)]

    answers = play(scene)
    assert [one.early for one in answers] == [False, False, True, True]
    assert [one.ids() for one in answers] == [[str(own.pk), str(common.pk)], [str(common.pk)]] * 2


def test_a_day_is_counted_for_each_person_and_then_shared(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    rows = [str(make_opportunity(score=float(9 - number)).pk) for number in range(5)]
    people = [make_user(name, Tier.FREE) for name in ("ada", "bob")]
    tokens = [token_of(user) for user in people]

    async def scene(site: Site) -> Any:
        first = [await site.ask(token=token) for token in tokens]
        second = [await site.ask(token=token) for token in tokens]
        # Better ones don't make a used-up day longer, neither early nor late.
        await in_thread(lambda: make_opportunity(score=50.0))
        third = [await site.ask(token=token) for token in tokens]
        return first, second, third, site.passed

    first, second, third, passed = play(scene)
    assert [one.ids() for one in (*first, *second, *third)] == [rows[:3]] * 6
    assert all('"arbitrage";r=0' in one.headers["ratelimit"] for one in (*first, *second, *third))
    assert [one.early for one in third] == [True, True]
    assert Seen.objects.count() == 6
    # Two who were counted one by one, and one answer for both.
    assert passed <= 4


def test_somebody_who_has_seen_other_things_sees_other_things(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    rows = [make_opportunity(score=float(9 - number)) for number in range(6)]
    ada, bob = make_user("ada", Tier.FREE), make_user("bob", Tier.FREE)
    now = clock.now()
    for row in rows[3:]:
        Seen.objects.create(user=bob, opportunity_id=row.pk, family="arbitrage", day=now.date(), seen_at=now)
    hers, his = token_of(ada), token_of(bob)

    async def scene(site: Site) -> Any:
        return [await site.ask(token=token) for token in (hers, his, hers, his, hers, his)]

    answers = play(scene)
    assert [one.ids() for one in answers] == [[str(r.pk) for r in rows[:3]], [str(r.pk) for r in rows[3:]]] * 3


def test_a_delay_is_never_skipped(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    new, old = make_opportunity(age_s=60, score=90.0), make_opportunity(age_s=600)
    premium, free = token_of(make_user("ada")), token_of(make_user("eve", Tier.FREE))

    async def scene(site: Site) -> Any:
        return [await site.ask(token=token) for token in (premium, premium, free, free, premium, free)]

    answers = play(scene)
    assert [one.ids() for one in answers if len(one.ids()) == 1] == [[str(old.pk)]] * 3
    assert answers[0].ids() == [str(new.pk), str(old.pk)]


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (lambda: ApiToken.objects.update(revoked_at=clock.wall_now()), 401),
        (lambda: ApiToken.objects.update(expires_at=clock.wall_now() - timedelta(seconds=1)), 401),
        (lambda: ApiToken.objects.update(scopes=["write"]), 403),
        (lambda: User.objects.update(status=UserStatus.SUSPENDED), 401),
        (lambda: ApiToken.objects.all().delete(), 401),
    ],
)
def test_what_ends_a_token_ends_its_answers(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf,
    monkeypatch: pytest.MonkeyPatch, ends: Callable[[], Any], status: int,
) -> None:  # fmt: skip
    make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        await site.ask(token=token)
        assert (await site.ask(token=token)).early
        await in_thread(ends)
        # As if the two seconds were over.
        for one in site.front._standings._known.values():
            one.until = 0.0
        return await site.ask(token=token)

    refused = play(scene)
    assert refused.status == status and not refused.early


def test_a_token_that_expires_meanwhile_is_not_believed_longer(
    play: Play, make_user: MakeUser, token_of: TokenOf
) -> None:
    token = token_of(make_user("ada"), expires_at=clock.wall_now() + timedelta(seconds=0.5))

    async def scene(site: Site) -> float:
        await site.ask(token=token)
        [one] = site.front._standings._known.values()
        return one.until - asyncio.get_running_loop().time()

    assert play(scene) <= 0.5


def test_who_is_answered_early_is_active_all_the_same(
    play: Play, make_user: MakeUser, token_of: TokenOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "TOUCH_S", 0.02)
    user = make_user("ada")
    token = token_of(user)
    long_ago = clock.wall_now() - timedelta(minutes=2)

    async def scene(site: Site) -> None:
        await site.ask(token=token)
        await in_thread(lambda: ApiToken.objects.update(last_used_at=long_ago))
        while await in_thread(lambda: ApiToken.objects.get().last_used_at == long_ago):
            await asyncio.sleep(0.01)

    play(scene)
    user.refresh_from_db()
    assert user.last_activity_at is not None and user.last_activity_at > long_ago


def test_what_is_too_old_is_made_anew(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf, at_once: None
) -> None:
    make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        await site.ask(token=token)
        return await site.ask(token=token)

    assert not play(scene).early


def test_nobody_gets_in_by_the_front_who_would_not_by_django(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        await site.ask(token=token)
        wrong = [await site.ask(token=text) for text in (None, token + "x", token[:-1], "", "arb_", f"{token} {token}")]
        foreign_host = await site.ask(token=token, host="evil.test")
        return wrong, foreign_host

    wrong, foreign_host = play(scene)
    assert [one.status for one in wrong] == [401] * 6
    assert foreign_host.status == 400


def test_tokens_for_different_uses_share_nothing(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity()
    ada = make_user("ada")
    tokens = [token_of(ada), token_of(ada, scopes=["read"]), token_of(ada, scopes=["write"])]

    async def scene(site: Site) -> Any:
        return [await site.ask(token=token) for token in tokens * 2]

    answers = play(scene)
    assert [one.status for one in answers] == [200, 200, 403] * 2
    assert [one.early for one in answers] == [False, False, False, True, True, False]


def test_every_question_has_its_own_answer(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity()
    make_opportunity(instrument="ETH")
    token = token_of(make_user("ada"))
    asked = ["", "?limit=1", "?instrument=ETH", "?kind=nonsense", "?limit=1", "?kind=nonsense"]

    async def scene(site: Site) -> Any:
        got = [await site.ask(LIST + query, token=token) for query in asked]
        return got, await site.ask(f"{LIST}?limit=1", token=token, host="localhost")

    got, elsewhere = play(scene)
    assert [one.status for one in got] == [200, 200, 200, 400, 200, 400]
    assert [one.early for one in got] == [False, False, False, False, True, False]
    assert [len(one.ids()) for one in got[:3]] == [2, 1, 1]
    assert got[4].json()["next"].startswith("http://127.0.0.1/")
    assert elsewhere.json()["next"].startswith("http://localhost/")


def test_unchanged_is_304_and_bodies_are_small_on_request(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    for _ in range(3):
        make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        first = await site.ask(token=token, If_None_Match='"other"', Accept_Encoding="gzip")
        tag = first.headers["etag"]
        return first, [
            await site.ask(token=token, If_None_Match=one) for one in (tag, tag.removeprefix("W/"), "*", '"x"')
        ]

    first, again = play(scene)
    assert first.headers["content-encoding"] == "gzip"
    assert {"Accept-Encoding", "Authorization"} <= {name.strip() for name in first.headers["vary"].split(",")}
    assert [one.status for one in again] == [304, 304, 304, 200]
    assert all(one.early for one in again)
    assert [one.body for one in again[:3]] == [b""] * 3
    assert gzip.decompress(first.body) == again[3].body
    assert again[0].headers["etag"] == first.headers["etag"]
    assert again[0].headers["x-arbedge-origin"]


def test_requests_above_the_tiers_are_429_whoever_answers(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity()
    config.config_set(key="tier.premium.requests_per_minute", value=7, actor_id=None)
    token, other = token_of(make_user("ada")), token_of(make_user("bob"))

    async def scene(site: Site) -> Any:
        early = [await site.ask(token=token) for _ in range(4)]
        late = [await site.ask("/api/v1/opportunities/categories", token=token) for _ in range(3)]
        refused = [await site.ask(path, token=token) for path in (LIST, "/api/v1/opportunities/categories")]
        return early, late, refused, await site.ask(token=other)

    early, late, refused, others = play(scene)
    assert [one.status for one in (*early, *late)] == [200] * 7
    left = [int(one.headers["ratelimit"].split("r=")[1].split(";")[0]) for one in early]
    assert left == [6, 5, 4, 3]
    assert early[0].headers["ratelimit-policy"] == '"requests";q=7;w=60'
    for one in refused:
        assert (one.status, one.json()["code"]) == (429, "throttled")
        assert 0 < int(one.headers["retry-after"]) <= 60
        assert '"requests";r=0' in one.headers["ratelimit"]
    assert others.status == 200


def test_whoever_changes_their_wishes_sees_it_in_the_next_list(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        before = await site.ask(token=token)
        wish = b'{"min_net_edge": "0.9"}'
        changed = await site.ask(
            "/api/v1/users/preferences",
            token,
            "PATCH",
            wish,
            Content_Type="application/json",
            Content_Length=str(len(wish)),
        )
        assert changed.status == 200, changed.body
        return before, await site.ask(token=token)

    before, after = play(scene)
    assert len(before.ids()) == 1 and after.ids() == []


def test_changes_reach_the_list_within_the_promised_time(
    play: Play, make_user: MakeUser, make_opportunity: MakeOpportunity, token_of: TokenOf
) -> None:
    gone = make_opportunity()
    token = token_of(make_user("ada"))

    async def scene(site: Site) -> Any:
        before = await site.ask(token=token)
        await in_thread(lambda: Opportunity.objects.filter(pk=gone.pk).update(status="closed", closed_at=clock.now()))
        for answer in site.front._answers._kept.values():
            answer.made -= answers.KEPT_S
        return before, await site.ask(token=token)

    before, after = play(scene)
    assert before.ids() == [str(gone.pk)] and after.ids() == []
