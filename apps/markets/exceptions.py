"""Errors of the markets room that carry more than words."""

from apps.core.exceptions import TemporaryError
from apps.markets.exchanges.columns import RawAnswer


class UnreadableAnswer(TemporaryError):
    """An exchange answered something of another shape than expected: garbage, an error page, a changed interface.

    `raw` is what came over the wire until then, oldest first, so that it can be kept and read again."""

    code = "bad_response"

    def __init__(self, message: str, *, raw: tuple[RawAnswer, ...] = ()) -> None:
        super().__init__(message)
        self.raw = raw
