"""Telegram's HTML: which tags it takes, how it refuses the rest, and the text that is left for a reader."""

from html.parser import HTMLParser

# https://core.telegram.org/bots/api#html-style
TAGS = frozenset(
    ("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "tg-spoiler", "tg-emoji", "span",
     "blockquote")
)  # fmt: skip
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


class EntityError(ValueError):
    """Text that Telegram can't parse; the message is Telegram's own."""


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.text: list[str] = []
        self._line_starts: list[int] = []

    def read(self, source: str) -> None:
        """Feed the whole text at once, so that positions can be told as byte offsets."""
        self._line_starts = [0]
        for line in source.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line.encode()))
        self.feed(source)
        self.close()

    @property
    def _offset(self) -> int:
        line, column = self.getpos()
        return self._line_starts[min(line - 1, len(self._line_starts) - 1)] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            raise EntityError(f'Unsupported start tag "{tag}" at byte offset {self._offset}')
        if tag == "span" and ("class", "tg-spoiler") not in attrs:
            raise EntityError(f'Tag "span" must have class "tg-spoiler" at byte offset {self._offset}')
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open:
            raise EntityError(f"Unexpected end tag at byte offset {self._offset}")
        expected = self.open.pop()
        if tag != expected:
            raise EntityError(
                f'Unmatched end tag at byte offset {self._offset}, expected "</{expected}>", found "</{tag}>"'
            )

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise EntityError(f'Unsupported start tag "" at byte offset {self._offset}')
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        self.text.append(_NAMED.get(name, f"&{name};"))

    def handle_charref(self, name: str) -> None:
        code = int(name[1:], 16) if name[:1] in "xX" else int(name)
        self.text.append(chr(code) if 0 < code < 0x110000 else "")

    def handle_comment(self, data: str) -> None:
        raise EntityError(f'Unsupported start tag "!--" at byte offset {self._offset}')

    def handle_decl(self, decl: str) -> None:
        raise EntityError(f'Unsupported start tag "!{decl[:10]}" at byte offset {self._offset}')

    def handle_pi(self, data: str) -> None:
        raise EntityError(f'Unsupported start tag "?{data[:10]}" at byte offset {self._offset}')


def html_to_text(source: str) -> str:
    """The text a reader sees. Raises EntityError, worded as Telegram words it, where Telegram would refuse."""
    parser = _Parser()
    parser.read(source)
    if parser.open:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{parser.open[-1]}"')
    # A lone "<" that starts nothing is held back by the parser as unfinished: Telegram refuses it too.
    if parser.rawdata:
        raise EntityError(f"Unclosed start tag at byte offset {len(source.encode()) - len(parser.rawdata.encode())}")
    return "".join(parser.text)
