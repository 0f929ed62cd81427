"""A message's HTML as lines of marked words, for channels with a markup of their own: each says how it writes a run.

A line closes what it opens, so that whole lines can be dropped and long ones divided without ever breaking markup. Line
breaks of the source are line breaks, as in Telegram's HTML."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape

from apps.notifications.channels.text import ELLIPSIS, length

BOLD, ITALIC, STRIKE, UNDERLINE, CODE = "bold", "italic", "strike", "underline", "code"

_MARKS = {
    "b": BOLD, "strong": BOLD, "h1": BOLD, "h2": BOLD, "h3": BOLD, "h4": BOLD, "h5": BOLD, "h6": BOLD, "th": BOLD,
    "i": ITALIC, "em": ITALIC, "s": STRIKE, "del": STRIKE, "strike": STRIKE, "u": UNDERLINE, "ins": UNDERLINE,
    "code": CODE, "pre": CODE,
}  # fmt: skip
_BLOCKS = frozenset(
    {"p", "div", "ul", "ol", "li", "table", "tr", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
)
# A tag ends at the first angle bracket: inside one they are written as entities.
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>[^<>]*)>")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))""", re.IGNORECASE)
# So many marks can be open at once; a template that opens more is nonsense, and each is looked through for every word.
_DEPTH = 64
# Invisible, and yet part of Persian and Hindi words and of many emoji.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"script", "style", "head", "title"})
_URL = re.compile(r"https?://[^\s<>]+")
# What ends a sentence is no part of the address in it.
_AFTER_URL = ".,;:!?)]}'\"*_~`"
# Characters that would end a link early in one markup or the other.
_IN_URL = {ord(char): f"%{ord(char):02X}" for char in "<>|\\`\"' "}


@dataclass(frozen=True, slots=True)
class Run:
    """Words with the same marks on one line; with `href` they are a link."""

    text: str
    marks: frozenset[str] = frozenset()
    href: str = ""


Line = list[Run]
Write = Callable[[Run], str]


def written(html: str, write: Write, limit: int, *, line_limit: int | None = None) -> str:
    """`html` in a channel's markup in at most `limit` UTF-16 units, no line longer than `line_limit`.

    What is too much goes in whole lines from the end, and an ellipsis tells of it."""
    room = min(limit, line_limit or limit) - len(ELLIPSIS) - 1
    kept: list[str] = []
    used = -1
    for text in (text for line in lines_of(html) for text in _divided(line, write, room)):
        kept.append(text)
        used += length(text) + 1
        if used > limit:
            break
    else:
        return "\n".join(kept)
    while used + len(ELLIPSIS) + 1 > limit:
        used -= length(kept.pop()) + 1
    return "\n".join([*kept, ELLIPSIS])


def lines_of(html: str) -> list[Line]:
    """The runs of each line; no empty line at either end, and never two of them together."""
    lines: list[Line] = []
    for line in _Reader(html).lines:
        seen = any(run.text.strip() for run in line)
        if seen or (lines and lines[-1]):
            lines.append(line if seen else [])
    while lines and not lines[-1]:
        lines.pop()
    return lines


class _Reader:
    """Takes any HTML, also torn or badly nested, never fails on it, and takes time in proportion to its length (the
    standard library's parser does not)."""

    def __init__(self, html: str) -> None:
        self.lines: list[Line] = [[]]
        self._open: list[str] = []
        self._hrefs: list[str] = []
        # Whether the line began with a block: the source's own line break beside its tag is no second one.
        self._fresh = False
        at = 0
        source = _without_comments(html)
        for match in _TAG.finditer(source):
            self._data(source[at : match.start()])
            at = match.end()
            if match["close"]:
                self._end(match["name"].lower())
            else:
                self._start(match["name"].lower(), match["rest"])
        self._data(source[at:])

    def _start(self, tag: str, attributes: str) -> None:
        """Open a mark, a link, a block or a line."""
        if tag == "br":
            self.lines.append([])
            return
        if tag in _BLOCKS:
            self._break()
        if tag == "li":
            self._add("• ")
        if tag == "a":
            match = _HREF.search(attributes)
            self._hrefs.append(_link(unescape(match[1] or match[2] or match[3] or "")) if match else "")
        if (tag in _MARKS or tag in _UNSEEN) and len(self._open) < _DEPTH:
            self._open.append(tag)

    def _end(self, tag: str) -> None:
        """Close the innermost one of that name; one that is not open closes nothing."""
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag)]
        if tag == "a" and self._hrefs:
            self._hrefs.pop()
        if tag in _BLOCKS:
            self._break()

    def _data(self, data: str) -> None:
        """Words; a bare address in them is a link to itself."""
        if not data or any(tag in _UNSEEN for tag in self._open):
            return
        if self._fresh:
            data = data.removeprefix("\n")
        for number, text in enumerate(unescape(data).split("\n")):
            if number:
                self.lines.append([])
            self._words(text)
        self._fresh = False

    def _words(self, text: str) -> None:
        code = any(_MARKS.get(tag) == CODE for tag in self._open)
        at = 0
        for match in _URL.finditer(text) if not (code or self._hrefs) else ():
            url = match[0].rstrip(_AFTER_URL)
            href = _link(url)
            if href:
                self._add(text[at : match.start()])
                self._add(url, href)
                at = match.start() + len(url)
        self._add(text[at:], self._hrefs[-1] if self._hrefs else "")

    def _add(self, text: str, href: str = "") -> None:
        # Other line separators would begin a line that nobody counted.
        if not text.isprintable():
            text = "".join(char if char.isprintable() or char in _JOINERS else " " for char in text)
        if text:
            marks = frozenset(_MARKS[tag] for tag in self._open if tag in _MARKS)
            self.lines[-1].append(Run(text, marks, href))

    def _break(self) -> None:
        if self.lines[-1]:
            self.lines.append([])
        self._fresh = True


def _without_comments(html: str) -> str:
    first, *others = html.split("<!--")
    return "".join((first, *(other.partition("-->")[2] for other in others)))


def _link(href: str) -> str:
    """An address that may be a link; empty where it is none of the web's."""
    cleaned = href.strip()
    return cleaned.translate(_IN_URL) if _URL.match(cleaned) and cleaned.isprintable() else ""


def _divided(line: Line, write: Write, room: int) -> Iterator[str]:
    """The line as one text, or as several of at most `room` units each where it is too long for one."""
    while True:
        # Writing never shortens, so no more characters than units can fit.
        if sum(len(run.text) for run in line) <= room and length(text := "".join(map(write, line))) <= room:
            yield text
            return
        low, high = 0, room
        while low < high:
            middle = (low + high + 1) // 2
            fits = length("".join(map(write, _head(line, middle)))) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        if not low:
            # A link whose address alone is longer than the room: its words have to do.
            line = [replace(line[0], href=""), *line[1:]]
            continue
        yield "".join(map(write, _head(line, low)))
        line = _tail(line, low)


def _head(line: Sequence[Run], characters: int) -> Line:
    head: Line = []
    for run in line:
        if characters <= 0:
            break
        head.append(replace(run, text=run.text[:characters]))
        characters -= len(run.text)
    return head


def _tail(line: Sequence[Run], characters: int) -> Line:
    tail: Line = []
    for run in line:
        rest = run.text[max(0, characters) :]
        if rest:
            tail.append(replace(run, text=rest))
        characters -= len(run.text)
    return tail


def around(words: str, mark: str) -> str:
    """`words` between two marks that touch them: marks beside a space mark nothing."""
    core = words.strip()
    if not core:
        return words
    at = words.index(core)
    return f"{words[:at]}{mark}{core}{mark}{words[at + len(core) :]}"
