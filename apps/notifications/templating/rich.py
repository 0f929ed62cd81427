"""One message in HTML, and the same words for readers without it."""

import re
from functools import lru_cache

from apps.notifications.channels.markup import BOLD, CODE, ITALIC, STRIKE, Run, around, lines_of

# CommonMark 0.31, section 2.4: any ASCII punctuation may be escaped; these are what begins something inside a line.
_SPECIAL = re.compile(r"([\\`*_\[\]<>~#|!&])")
# And these at its start: a list, a heading's underline, a number with a point.
_AT_START = re.compile(r"^(\s*)([-+=]|\d{1,9}(?=[.)]))")
_MARKS = {BOLD: "**", ITALIC: "*", STRIKE: "~~"}


# Many readers of one message get the same words within a second.
_KEPT = 64


@lru_cache(maxsize=_KEPT)
def plain_of(html: str) -> str:
    """The words line by line; a link's address stands behind its words."""
    return "\n".join("".join(map(_plain, line)) for line in lines_of(html))


@lru_cache(maxsize=_KEPT)
def markdown_of(html: str) -> str:
    """CommonMark: a line ends with a hard break, an empty line ends a paragraph."""
    paragraphs: list[list[str]] = [[]]
    for line in lines_of(html):
        if line:
            # Spaces at its start would make code of it.
            paragraphs[-1].append(_started("".join(map(_marked, line)).lstrip()))
        else:
            paragraphs.append([])
    return "\n\n".join("\\\n".join(lines) for lines in paragraphs)


def _plain(run: Run) -> str:
    return f"{run.text} ({run.href})" if run.href and run.href != run.text else run.text


def _marked(run: Run) -> str:
    if run.href:
        return f"<{run.href}>" if run.href == run.text else f"[{_escaped(run.text)}](<{run.href}>)"
    if CODE in run.marks:
        return around(run.text.replace("`", "'"), "`")
    words = _escaped(run.text)
    for name, mark in _MARKS.items():
        if name in run.marks:
            words = around(words, mark)
    return words


def _escaped(words: str) -> str:
    return _SPECIAL.sub(r"\\\1", words)


def _started(line: str) -> str:
    return _AT_START.sub(lambda found: f"{found[1]}{_start(found[2])}", line)


def _start(mark: str) -> str:
    # A number keeps its digits: what would make a list of it is the point behind.
    return f"{mark}\\" if mark[0].isdigit() else f"\\{mark}"
