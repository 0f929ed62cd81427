"""Errors of the opportunities room."""

from apps.core.exceptions import PermanentError


class OpportunityNotFound(PermanentError):
    """There is no such opportunity for this person (also when it is not theirs to see)."""

    code = "opportunity_not_found"
