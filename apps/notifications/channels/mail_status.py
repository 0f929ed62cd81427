"""Enhanced mail system status codes, RFC 3463: whose fault it was that a mail did not arrive."""

import re

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# Section 3: the mail system, the content and policy say something about a message or about us, not about the address.
_NOT_THE_ADDRESS = frozenset({"3", "6", "7"})
# A mailbox that is full, or that takes no message so long, is there.
_MAILBOX_IS_THERE = frozenset({("2", "2"), ("2", "3")})


def status_in(words: str) -> str:
    """The first status in a reply, such as 5.1.1; "" where it has none."""
    match = _STATUS.search(words)
    return match[0] if match else ""


def address_is_bad(status: str) -> bool:
    """Whether a status says that nothing will ever arrive at this address."""
    match = _STATUS.fullmatch(status)
    if match is None or match[1] != "5":
        return False
    return match[2] not in _NOT_THE_ADDRESS and (match[2], match[3]) not in _MAILBOX_IS_THERE
