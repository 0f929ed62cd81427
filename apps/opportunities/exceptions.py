"""Errors of the opportunities room."""

from apps.core.exceptions import PermanentError
from apps.opportunities.enums import Reason


class OpportunityNotFound(PermanentError):
    """There is no such opportunity for this person (also when it is not theirs to see)."""

    code = "opportunity_not_found"


class Unfit(PermanentError):
    """An edge can't be computed from these legs; `reason` says why. Caught by pricing, which answers a `Refusal`."""

    code = "unfit"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.words)
        self.reason = reason
