"""What a sign-in kind is: the credentials it takes and the headers it makes of them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from apps.core.exceptions import PermanentError
from apps.notifications.channels.base import CredentialField

# RFC 9110 section 5.6.2: a field name is a token.
_NAME = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")
# What frames the message, belongs to one connection (RFC 9110 section 7.6.1) or is ours to say.
_RESERVED = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie", "date", "expect",
    "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
})  # fmt: skip
_RESERVED_BEGINNINGS = ("proxy-", "sec-", "webhook-")
_VALUE_MAX = 4_096


class Auth(ABC):
    """A way to sign in. `fields` are required or not within this kind; a kind may keep what it fetched."""

    name: ClassVar[str]
    fields: ClassVar[tuple[CredentialField, ...]] = ()

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """PermanentError(code="bad_credentials") says what is missing or can't be sent."""
        missing = [row.name for row in cls.fields if row.required and not credentials.get(row.name)]
        if missing:
            raise bad(f"Sign-in by {cls.name} needs {', '.join(missing)}.")
        for row in cls.fields:
            value_check(row.label, credentials.get(row.name, ""))

    @abstractmethod
    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """The headers that sign a request in. Raises a core error where they can't be had."""

    def refused(self, credentials: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """The receiver has answered 401 to these headers: whether asking for new ones can help."""
        del credentials, headers
        return False

    def derived(self, credentials: Mapping[str, str]) -> tuple[str, ...]:
        """Secrets made or fetched with the credentials, which must not be shown either."""
        del credentials
        return ()


def name_check(name: str) -> None:
    """Whether a header may be called so: PermanentError(code="bad_credentials") where it would change the request."""
    lower = name.lower()
    if not _NAME.match(name) or lower in _RESERVED or lower.startswith(_RESERVED_BEGINNINGS):
        raise bad("This is no header that may be set: give the name of one that only carries a credential.")


def value_check(label: str, value: str) -> None:
    """Visible ASCII and spaces only: a line break would begin a header of its own."""
    if len(value) > _VALUE_MAX or value != value.strip() or not (value.isascii() and value.isprintable()):
        raise bad(f"{label} can't be sent: it takes visible ASCII characters, at most {_VALUE_MAX:,}.")


def bad(words: str) -> PermanentError:
    """Credentials that can't be used; `words` never quote them."""
    return PermanentError(words, code="bad_credentials")
