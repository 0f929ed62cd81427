"""Fitting texts: never too long, never broken markup."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.channels.text import fit_html, fit_plain, length, one_line, plain_from_html


class Balance(HTMLParser):
    """Fails on a tag that closes what is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_fits_is_left_alone() -> None:
    assert fit_plain("a\nb", 3) == "a\nb"
    assert fit_html("<b>a</b>", 8) == "<b>a</b>"


def test_whole_trailing_lines_go_first() -> None:
    fitted = fit_plain("first line\nsecond line\nthird line", 25)
    assert fitted == "first line\nsecond line\n…"


def test_a_single_line_is_cut() -> None:
    assert fit_plain("x" * 50, 10) == "x" * 9 + "…"


def test_html_is_not_cut_inside_a_tag_or_an_entity() -> None:
    assert fit_html("abc <a href='https://example.test/long'>x</a>", 12) == "abc …"
    assert fit_html("abcde &amp; and more text", 10) == "abcde …"


def test_html_closes_what_the_cut_left_open() -> None:
    fitted = fit_html("<b><i>" + "x" * 100 + "</i></b>", 40)
    assert fitted.endswith("…</i></b>")
    assert length(fitted) <= 40


def test_emoji_count_twice() -> None:
    assert length("🧪") == 2
    assert length(fit_plain("🧪" * 30, 21)) <= 21


def test_a_subject_is_one_line() -> None:
    assert one_line("Hello\r\nBcc: victim@example.test\x00 end") == "Hello Bcc: victim@example.test end"


def test_plain_from_html() -> None:
    assert plain_from_html("<p>1 &lt; 2 <b>yes</b></p>") == "1 < 2 yes"


@given(st.text(max_size=400), st.integers(20, 200))
def test_plain_never_exceeds_the_limit(text: str, limit: int) -> None:
    assert length(fit_plain(text, limit)) <= limit


@given(
    st.lists(
        st.sampled_from(["<b>bold</b>", "<i>", "</i>", "text ", "&amp;", "\n", "<a href='u'>link</a>", "🧪", "é"]),
        max_size=80,
    ),
    st.integers(40, 160),
)
def test_html_never_exceeds_the_limit_nor_breaks(parts: list[str], limit: int) -> None:
    opened = 0
    sound = []
    for part in parts:
        opened += {"<i>": 1, "</i>": -1}.get(part, 0)
        if opened in (0, 1) and not (part == "</i>" and opened < 0):
            sound.append(part)
        else:
            opened -= {"<i>": 1, "</i>": -1}.get(part, 0)
    fitted = fit_html("".join(sound) + "</i>" * opened, limit)
    assert length(fitted) <= limit
    reader = Balance()
    reader.feed(fitted)
    reader.close()
    assert reader.open == []
    assert fitted.count("<") == fitted.count(">")
