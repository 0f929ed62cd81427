"""A key signs questions and nothing else, by construction: every client of this room is made with this mixed in."""

import re
from typing import Any, Final

from apps.core.exceptions import PermanentError

# Questions that are asked by POST, by exchange and path.
_ASKED_BY_POST: Final = frozenset({("kraken", "GetApiKeyInfo")})
_CREDENTIALS: Final = ("apiKey", "secret", "privateKey", "token", "walletAddress")
# What ccxt's own methods are called that change something, whatever they send; also over websockets.
_CHANGES: Final = re.compile(
    r"(create|edit|cancel|close|withdraw|transfer|borrow|repay|set(?=_?(leverage|margin|position))|add_?margin"
    r"|reduce_?margin|deposit$|redeem|sign_?in|approve)",
    re.IGNORECASE,
)


class ReadOnly:
    """Mixed into ccxt's class of an exchange: with a key it sends questions only."""

    id: str

    async def fetch2(self, path: Any, api: Any = "public", method: str = "GET", *args: Any, **kwargs: Any) -> Any:
        """ccxt's way to every REST call, before anything is signed. PermanentError(code="read_only") for one that
        would change something."""
        signs = any(getattr(self, name, None) for name in _CREDENTIALS)
        if signs and method != "GET" and (self.id, path) not in _ASKED_BY_POST:
            raise refused(self.id, f"{method} {path}")
        return await super().fetch2(path, api, method, *args, **kwargs)  # type: ignore[misc]


def check_question(exchange: str, method: str) -> None:
    """PermanentError(code="read_only") for the name of a method that trades, moves funds or changes settings: some
    exchanges take such by GET."""
    if _CHANGES.match(method):
        raise refused(exchange, method)


def refused(exchange: str, what: str) -> PermanentError:
    """The refusal; nothing was sent."""
    return PermanentError(f"{exchange}: {what} is refused, keys are for reading here", code="read_only")
