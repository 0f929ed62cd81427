"""What people did with opportunities."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.enums import Tier
from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.opportunities.exceptions import FeedbackInvalid, OpportunityNotFound
from apps.opportunities.models import Opportunity, OpportunityFeedback
from apps.opportunities.services import feedback_give
from tests.opportunities.world import World


def person(tier: Tier = Tier.PREMIUM) -> User:
    return user_create(email=f"{tier}@example.com", password="correct horse battery", tier=tier)


def test_each_state_is_noted_once_per_person(gap: World) -> None:
    row, first, second = gap.activate(), person(), person(Tier.BASIC)
    noted, new = feedback_give(user=first, opportunity_id=row.pk, state="viewed", now=gap.now)
    assert (new, noted.given_at, noted.reason) == (True, gap.now, "")
    viewed_at = gap.now
    again, new = feedback_give(user=first, opportunity_id=row.pk, state="viewed", now=gap.pass_time(1))
    assert (new, again.pk, again.given_at) == (False, noted.pk, viewed_at)
    assert feedback_give(user=first, opportunity_id=row.pk, state="executed", note="half of it", now=gap.now)[1]
    assert feedback_give(user=second, opportunity_id=row.pk, state="viewed", now=gap.now)[1]
    assert OpportunityFeedback.objects.count() == 3


def test_ignored_says_why_and_may_change_its_mind(gap: World) -> None:
    row, user = gap.activate(), person()
    feedback_give(user=user, opportunity_id=row.pk, state="ignored", reason="too_small", now=gap.now)
    feedback_give(user=user, opportunity_id=row.pk, state="ignored", reason="too_risky", note="exchange", now=gap.now)
    only = OpportunityFeedback.objects.get()
    assert (only.reason, only.note) == ("too_risky", "exchange")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": "liked"}, "viewed, executed, ignored"),
        ({"state": "ignored"}, "too_small"),
        ({"state": "ignored", "reason": "bored"}, "too_small"),
        ({"state": "viewed", "reason": "too_small"}, "Only what is ignored"),
        ({"state": "viewed", "note": "x" * 501}, "500"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(gap: World, facts: dict[str, Any], words: str) -> None:
    row, user = gap.activate(), person()
    with pytest.raises(FeedbackInvalid, match=words):
        feedback_give(user=user, opportunity_id=row.pk, now=gap.now, **facts)
    assert not OpportunityFeedback.objects.exists()


def test_nobody_judges_what_they_may_not_see(gap: World) -> None:
    row, free = gap.activate(), person(Tier.FREE)
    with pytest.raises(OpportunityNotFound):
        feedback_give(user=free, opportunity_id=row.pk, state="viewed", now=gap.now)
    Opportunity.objects.update(context="personal", owner=free)
    with pytest.raises(OpportunityNotFound):
        feedback_give(user=person(), opportunity_id=row.pk, state="viewed", now=gap.now)
    assert not OpportunityFeedback.objects.exists()


def test_the_database_itself_holds_the_rules(gap: World) -> None:
    row, user = gap.activate(), person()
    facts = {"opportunity": row, "user": user, "given_at": gap.now}
    for wrong in ({"state": "ignored"}, {"state": "viewed", "reason": "other"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            OpportunityFeedback.objects.create(**facts, **wrong)


def test_feedback_goes_with_its_opportunity(gap: World) -> None:
    row, user = gap.activate(), person()
    feedback_give(user=user, opportunity_id=row.pk, state="viewed", now=gap.now)
    row.delete()
    assert not OpportunityFeedback.objects.exists()
