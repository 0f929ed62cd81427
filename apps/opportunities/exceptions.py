"""Errors of the opportunities room."""

from apps.core.exceptions import PermanentError, ThrottledError
from apps.opportunities.enums import Reason


class OpportunityNotFound(PermanentError):
    """There is no such opportunity for this person (also when it is not theirs to see)."""

    code = "opportunity_not_found"


class FeedbackInvalid(PermanentError):
    """This can't be said of an opportunity; the message says what can."""

    code = "feedback_invalid"


class OpportunityOver(PermanentError):
    """It can't be taken any more."""

    code = "opportunity_over"


class ExecutionRefused(PermanentError):
    """The order books of this moment don't give what was asked for; nothing was done."""

    code = "execution_refused"


class BooksPending(ThrottledError):
    """There are no fresh order books yet; a market worker was asked for them. Ask again in `retry_after` seconds."""

    code = "books_pending"


class Unfit(PermanentError):
    """An edge can't be computed from these legs; `reason` says why. Caught by pricing, which answers a `Refusal`."""

    code = "unfit"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.words)
        self.reason = reason


class PresetNotFound(PermanentError):
    """There is no preset of this name."""

    code = "preset_not_found"


class VersionNotFound(PermanentError):
    """This person's preferences have no such version, or not any more."""

    code = "version_not_found"


class RuleNotFound(PermanentError):
    """There is no such rule of this person."""

    code = "rule_not_found"


class RulesFull(PermanentError):
    """This person has as many rules as anybody may have."""

    code = "rules_full"
