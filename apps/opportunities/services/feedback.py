"""What people did with opportunities: viewed, executed, ignored and why."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.opportunities import selectors
from apps.opportunities.enums import FeedbackState, IgnoredBecause
from apps.opportunities.exceptions import FeedbackInvalid
from apps.opportunities.models import OpportunityFeedback

if TYPE_CHECKING:
    from apps.accounts.models import User


def feedback_give(
    *, user: "User", opportunity_id: UUID | str, state: str, reason: str = "", note: str = "", now: datetime
) -> tuple[OpportunityFeedback, bool]:
    """Note what `user` did with an opportunity that they may see; answers the row and whether it is new.

    Each state is noted once per person with the moment of its first time; saying it again replaces reason and note. A
    reason (`IgnoredBecause`) belongs to `ignored`, which needs one. Raises FeedbackInvalid, and OpportunityNotFound for
    what is not theirs to see."""
    _check(state, reason, note)
    opportunity = selectors.opportunity_visible(user=user, id=opportunity_id, now=now)
    return OpportunityFeedback.objects.update_or_create(
        user=user,
        opportunity=opportunity,
        state=state,
        defaults={"reason": reason, "note": note},
        create_defaults={"reason": reason, "note": note, "given_at": now},
    )


def _check(state: str, reason: str, note: str) -> None:
    if state not in FeedbackState:
        raise FeedbackInvalid(f"Use one of {', '.join(FeedbackState)} as the state.")
    if state == FeedbackState.IGNORED and reason not in IgnoredBecause:
        raise FeedbackInvalid(f"Say why it is ignored: use one of {', '.join(IgnoredBecause)} as the reason.")
    if state != FeedbackState.IGNORED and reason:
        raise FeedbackInvalid("Only what is ignored has a reason; use the note for anything else.")
    longest = OpportunityFeedback._meta.get_field("note").max_length or 0
    if len(note) > longest:
        raise FeedbackInvalid(f"The note is longer than {longest} characters.")
