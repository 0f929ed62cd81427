"""HTML as other channels' markup: any text stays itself, lines stay whole, lengths are kept."""

from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.notifications.channels.discord import DiscordChannel
from apps.notifications.channels.markup import lines_of
from apps.notifications.channels.slack import SECTION_LENGTH, SlackChannel, payload
from apps.notifications.channels.text import length
from apps.notifications.types import OutboundMessage

SLACK = SlackChannel({"url": "https://hooks.slack.com/services"}, timeout_s=1)
DISCORD = DiscordChannel({"url": "https://discord.com/api/v10/webhooks"}, timeout_s=1)
HOSTILE = "<!channel> <@U1|x> @everyone _*[]()~`>#+-=|{}.!\\ </b> <b> & &lt; https://x.test/a_b?c=1&d=2. \u202eevil 🧪"
MAIL = """<h2>A &amp; B</h2>
<p>Net <b>0.3 %</b> and <i>more</i></p>
<ul>
<li>Buy</li>
<li>Sell</li>
</ul>
<p><a href="https://x.test/?a=1&amp;b=2">Evidence</a></p>"""


def test_blocks_and_lists_become_lines() -> None:
    assert SLACK.body_fitted(MAIL).split("\n") == [
        "*A &amp; B*", "Net *0.3 %* and _more_", "• Buy", "• Sell", "<https://x.test/?a=1&amp;b=2|Evidence>",
    ]  # fmt: skip
    assert DISCORD.body_fitted(MAIL).split("\n") == [
        "**A & B**", "Net **0.3 %** and *more*", "• Buy", "• Sell", "[Evidence](<https://x.test/?a=1&b=2>)",
    ]  # fmt: skip


def test_line_breaks_of_plain_text_stay() -> None:
    assert DISCORD.body_fitted("\n\na\n\n\n\nb\nc\n") == "a\n\nb\nc"


def test_what_a_value_says_is_text_and_pings_nobody() -> None:
    slack = SLACK.body_fitted(escape(HOSTILE))
    assert slack.startswith("&lt;!channel&gt; &lt;@U1|x&gt; @everyone")
    assert "<https://x.test/a_b?c=1&amp;d=2>." in slack
    discord = DISCORD.body_fitted(escape(HOSTILE))
    assert discord.startswith(r"\<!channel\> \<@U1\|x\> @everyone \_\*\[\]()\~\`\>\#\+\-=\|{}.!\\ \</b\> \<b\>")
    assert "<https://x.test/a_b?c=1&d=2>." in discord


@pytest.mark.parametrize(
    ("html", "slack", "discord"),
    [
        ("<b>a</b></b></i><i>b", "*a*_b_", "**a***b*"),
        ("<b> a </b>b", " *a* b", " **a** b"),
        ("<code>a`*b</code>", "`a'*b`", "`a'*b`"),
        ("<pre>x\ny</pre>z", "`x`\n`y`\nz", "`x`\n`y`\nz"),
        ('<a href="javascript:alert(1)">x</a>', "x", "x"),
        (
            '<a href="https://x.test/|&gt;y">a|b</a>',
            "<https://x.test/%7C%3Ey|a¦b>",
            r"[a\|b](<https://x.test/%7C%3Ey>)",
        ),
        ("<script>alert(1)</script>x", "x", "x"),
        ("1. a\n- b\n# c", "1. a\n- b\n# c", "1\\. a\n\\- b\n\\# c"),
        ("<b></b>", "", ""),
        ("a<!-- b -->c<!-- d", "ac", "ac"),
        ("1 < 2 & 3 <3", "1 &lt; 2 &amp; 3 &lt;3", r"1 \< 2 & 3 \<3"),
        ("<b" * 3, "&lt;b&lt;b&lt;b", r"\<b\<b\<b"),
        ("a\u2028b\x00c\u202ed", "a b c d", "a b c d"),
        ("👨\u200d👩\u200d👧 می\u200cخواهم", "👨\u200d👩\u200d👧 می\u200cخواهم", "👨\u200d👩\u200d👧 می\u200cخواهم"),
    ],
)
def test_markup(html: str, slack: str, discord: str) -> None:
    assert (SLACK.body_fitted(html), DISCORD.body_fitted(html)) == (slack, discord)


def test_whole_lines_go_first_and_marks_stay_closed() -> None:
    body = "\n".join(f"<b>line {n}</b>" for n in range(1_000))
    lines = DISCORD.body_fitted(body).split("\n")
    assert lines[-1] == "…"
    assert lines[:-1] == [f"**line {n}**" for n in range(len(lines) - 1)]
    assert 1_900 < length("\n".join(lines)) <= 2_000


def test_one_endless_line_is_divided_and_a_link_too_long_keeps_its_words() -> None:
    divided = SLACK.body_fitted(f"<b>{'x&amp;' * 9_000}</b>").split("\n")
    assert all(line.startswith("*") and line.endswith("*") for line in divided[:-1])
    assert all(length(line) <= SECTION_LENGTH for line in divided)
    assert DISCORD.body_fitted(f'<a href="https://x.test/{"y" * 5_000}">words</a> end') == "words end"


@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(
                ["<b>", "</b>", "<i>", "</i>", "<code>", "</code>", "<a href='https://x.test/a'>", "</a>", "<br>", "\n",
                 "&amp;", "&lt;", "🧪" * 700, "a" * 3_500, "https://x.test/" + "b" * 1_500, "<!--", "]]>", "<![CDATA["]
            ),
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_html_fits_and_every_section_is_within_its_limit(html: str) -> None:
    discord = DISCORD.body_fitted(html)
    assert length(discord) <= 2_000
    slack = SLACK.body_fitted(html)
    assert length(slack) <= 40_000
    blocks = payload(OutboundMessage("d-1", "T/B", "Subject", slack)).get("blocks", [])
    assert len(blocks) <= 50
    assert all(1 <= length(block["text"]["text"]) <= SECTION_LENGTH for block in blocks)


@given(st.text(max_size=300))
@settings(deadline=None)
def test_escaped_words_come_back_as_they_were(words: str) -> None:
    seen = "\n".join("".join(run.text for run in line) for line in lines_of(escape(words)))
    kept = "".join(char if char.isprintable() or char in "\n\u200c\u200d" else " " for char in words)
    assert seen.split() == kept.split()
