"""The same words in HTML, plain text and Markdown: whatever is put in stays what it was."""

import re
from html import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from apps.notifications.templating.rich import markdown_of, plain_of

HOSTILE = st.text(alphabet=st.sampled_from("ab 1.)-+=#>*_`~[]()!|\\<>&;:/@{}\"'😀"), max_size=40)
ANY = st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), max_size=40) | HOSTILE


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def shown(markdown: str) -> str:
    """The words that a CommonMark reader sees."""
    html = MarkdownIt("commonmark").render(markdown)
    return squeezed(plain_of(html))


@settings(deadline=None)
@given(ANY)
@example("1. not a list")
@example("- nor this")
@example("# no heading")
@example("=====")
@example("    no code")
@example("&amp; <b>[x](y)</b> ![i](j) `c` ~~~ ***")
@example("a\\")
def test_values_stay_words_in_markdown(value: str) -> None:
    html = MarkdownIt("commonmark").render(markdown_of(f"<p>{escape(value)}</p>"))
    assert not re.search(r"<(?!/?p>|br ?/?>)", html), html
    assert squeezed(plain_of(html)) == squeezed(plain_of(f"<p>{escape(value)}</p>"))


@settings(deadline=None)
@given(ANY, ANY)
def test_marks_hold_their_words_and_nothing_else(first: str, second: str) -> None:
    source = f"<b>{escape(first)}</b> plain <i>{escape(second)}</i>"
    assert shown(markdown_of(source)) == squeezed(plain_of(source))


@settings(deadline=None)
@given(ANY)
def test_plain_text_says_what_was_put_in(value: str) -> None:
    if "://" not in value:
        assert squeezed(plain_of(f"<h2>{escape(value)}</h2>")) == squeezed(value)


@pytest.mark.parametrize(
    ("html", "plain", "markdown"),
    [
        ("<b>a</b><br>b", "a\nb", "**a**\\\nb"),
        ("<p>a</p><p>b</p>", "a\nb", "a\\\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "• a\n• b", "• a\\\n• b"),
        ('<a href="https://x.test/a_b">see</a>', "see (https://x.test/a_b)", "[see](<https://x.test/a_b>)"),
        ("https://x.test", "https://x.test", "<https://x.test>"),
        ('<a href="javascript:alert(1)">see</a>', "see", "see"),
        ("a\n\nb", "a\n\nb", "a\n\nb"),
        ("<code>a*b`c</code>", "a*b`c", "`a*b'c`"),
        ("<s>a</s> <u>b</u>", "a b", "~~a~~ b"),
        ("<script>x</script>a", "a", "a"),
    ],
)
def test_each_format_has_its_own_way(html: str, plain: str, markdown: str) -> None:
    assert (plain_of(html), markdown_of(html)) == (plain, markdown)
