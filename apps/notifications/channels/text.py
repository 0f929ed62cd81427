"""Fitting a rendered text into a channel's length: whole lines go first, and markup is never cut in two."""

import re
from collections.abc import Callable
from html import unescape

ELLIPSIS = "…"
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)[^<>]*?(/?)>")
_BROKEN_END = re.compile(r"(<[^<>]*|&[#\w]{0,10})$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_VOID = frozenset({"br", "hr", "img", "wbr"})


def length(text: str) -> int:
    """UTF-16 code units, what Telegram and most phones count; never less than the number of characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit_plain(text: str, limit: int) -> str:
    """`text` in at most `limit` UTF-16 units: trailing lines are dropped, then the first one is cut."""
    if length(text) <= limit:
        return text
    return _cut(_whole_lines(text, limit - 1), limit - 1) + ELLIPSIS


def fit_html(text: str, limit: int) -> str:
    """Like `fit_plain` for HTML: never ends inside a tag or an entity, and closes what was left open."""
    if length(text) <= limit:
        return text
    room = limit - 1
    while True:
        kept = _BROKEN_END.sub("", _cut(_whole_lines(text, room), room))
        fitted = kept + ELLIPSIS + _closing(kept)
        over = length(fitted) - limit
        if over <= 0:
            return fitted
        room -= over


def fit_while(text: str, fits: Callable[[str], bool]) -> str:
    """`text` cut by `fit_plain` to the greatest length that `fits`; what is shorter than a fitting one has to fit."""
    if fits(text):
        return text
    low, high = 1, length(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(fit_plain(text, middle)):
            low = middle
        else:
            high = middle - 1
    return fit_plain(text, low)


def plain_from_html(text: str) -> str:
    """The words of an HTML text, for readers without markup."""
    return unescape(_TAG.sub("", text))


def storable(text: str) -> str:
    """`text` as every database takes it: a question mark for what is no Unicode, no NUL (PostgreSQL refuses it).

    What others answer may hold both, and one such answer must not keep its neighbours' results from being written."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def one_line(text: str) -> str:
    """`text` as one line without control characters, fit for a subject or a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _whole_lines(text: str, room: int) -> str:
    """As many whole lines as fit; the first one even where it does not."""
    kept: list[str] = []
    used = 0
    for line in _LINE.findall(text):
        used += length(line)
        if kept and used > room:
            break
        kept.append(line)
    return "".join(kept)


def _cut(text: str, room: int) -> str:
    used = 0
    for at, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > room:
            return text[:at]
    return text


def _closing(text: str) -> str:
    still_open: list[str] = []
    for match in _TAG.finditer(text):
        closes, name, closed = match[1], match[2].lower(), match[3]
        if closes:
            if name in still_open:
                del still_open[len(still_open) - 1 - still_open[::-1].index(name) :]
        elif not closed and name not in _VOID:
            still_open.append(name)
    return "".join(f"</{name}>" for name in reversed(still_open))
