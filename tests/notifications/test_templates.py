"""Versions of words: stored, tried, picked, activated, rolled back; and what a message needs to carry."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.core.exceptions import PermanentError
from apps.core.models import AuditRecord
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import DeliveryState
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Delivery, Template
from apps.notifications.services import book as module
from apps.notifications.services import (
    deliver,
    template_activate,
    template_create,
    template_deactivate,
    template_weigh,
    templates_seed,
)
from apps.notifications.services.book import book, forget
from apps.notifications.services.channels import channel_get
from apps.notifications.services.messages import message_make
from apps.notifications.services.templates import template_preview
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def body(channel: str, locale: str, name: str = "t") -> str:
    return book().pick(name=name, channel=channel, locale=locale).body


def variable(name: str, type: str = "text", example: Any = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type, "example": example, **more}


# --- versions --------------------------------------------------------------------------------------------------------


def test_locale_comes_before_channel_and_english_last() -> None:
    for channel, locale in (("", "en"), ("email", "en"), ("", "de"), ("email", "de-AT")):
        template_create(name="t", channel=channel, locale=locale, subject="s", body=f"{channel}/{locale}")
    assert body("email", "en") == "email/en"
    assert body("telegram", "en") == "/en"
    assert body("email", "de-AT") == "email/de-AT"
    assert body("email", "de_at") == "email/de-AT"
    assert body("telegram", "de-AT") == "/de"
    assert body("email", "de") == "/de"
    assert body("email", "fr") == "email/en"
    assert body("email", "de-Latn-CH-1996") == "/de"
    assert body("email", "") == "email/en"


def test_an_edit_is_a_new_version_and_rolling_back_activates_the_old_one() -> None:
    someone = user_new()
    first = template_create(name="t", subject="s", body="one", actor_id=someone.pk)
    second = template_create(name="t", subject="s", body="two", actor_id=someone.pk)
    assert (second.version, second.created_by) == (2, someone)
    assert body("email", "en") == "two"
    assert [row.active for row in Template.objects.filter(name="t").order_by("version")] == [False, True]
    template_activate(template_id=first.pk, actor_id=someone.pk)
    assert body("email", "en") == "one"
    assert [row.active for row in Template.objects.filter(name="t").order_by("version")] == [True, False]
    template_deactivate(template_id=first.pk, actor_id=someone.pk)
    with pytest.raises(TemplateError, match="no template"):
        body("email", "en")
    told = list(AuditRecord.objects.filter(target=f"notifications.Template:{first.pk}").order_by("at"))
    assert [row.action for row in told] == ["template.created", "template.activated", "template.deactivated"]
    assert {row.actor_id for row in told} == {str(someone.pk)}
    assert told[1].changes == {"version": 1, "instead_of": 2}


def test_a_version_can_be_kept_for_later() -> None:
    template_create(name="t", subject="s", body="one")
    later = template_create(name="t", subject="s", body="two", active=False)
    assert body("email", "en") == "one"
    template_activate(template_id=later.pk, actor_id=None)
    assert body("email", "en") == "two"


def test_the_database_keeps_two_versions_from_being_active() -> None:
    template_create(name="t", subject="s", body="one")
    template_create(name="t", subject="s", body="two")
    with pytest.raises(Exception, match=r"(?i)unique"):
        Template.objects.filter(name="t").update(active=True)


def test_no_template_says_which() -> None:
    with pytest.raises(TemplateError, match="'nothing'"):
        body("email", "de", "nothing")


# --- the cache -------------------------------------------------------------------------------------------------------


def test_what_another_process_changes_is_seen_after_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    first = template_create(name="t", subject="s", body="one")
    second = template_create(name="t", subject="s", body="two")
    assert body("email", "en") == "two"
    # Another process: only the rows tell.
    Template.objects.filter(pk=second.pk).update(active=False)
    Template.objects.filter(pk=first.pk).update(active=True)
    assert body("email", "en") == "two"
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    assert body("email", "en") == "one"
    before = book()
    Template.objects.filter(pk=first.pk).update(weight=7)
    assert book() is not before
    assert book() is book()


def test_an_unchanged_list_costs_one_query_and_reads_no_words_again(monkeypatch: pytest.MonkeyPatch) -> None:
    template_create(name="t", subject="s", body="one")
    kept = book()
    words = kept.pick(name="t", channel="", locale="en")
    compiled = kept.ready(words)
    forget()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert book() is kept
    assert len(seen) == 1
    assert book().ready(words) is compiled
    with CaptureQueriesContext(connection) as seen:
        for _ in range(100):
            book().pick(name="t", channel="", locale="en")
    assert len(seen) == 0
    # After its time everything is read anew, whatever the list says.
    forget()
    monkeypatch.setattr("apps.notifications.services.book.time.monotonic", lambda: 1e12)
    assert book() is not kept


def test_while_the_database_is_away_the_known_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    template_create(name="t", subject="s", body="one")
    kept = book()
    forget()

    def away() -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(module, "_signature", away)
    assert book() is kept
    monkeypatch.setattr(module, "_kept", None)
    with pytest.raises(OperationalError):
        book()


def test_a_hundred_renderings_ask_the_database_nothing(settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = "12345:token"
    user = user_new(locale="de-AT", timezone="Europe/Vienna")
    endpoint_new(user, "telegram", "42")
    notification_new(user)
    row = Delivery.objects.select_related("notification__user", "endpoint").get()
    channel = channel_get("telegram")
    book()
    with CaptureQueriesContext(connection) as seen:
        for _ in range(100):
            assert (
                "1.000,00 USD" in message_make(delivery=row, channel=channel, credentials={}, now=row.created_at).body
            )
    assert len([one for one in seen if "template" in one["sql"].lower()]) <= 1
    assert len(seen) <= 1


# --- variables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("x", "list"),
        ([1], "object"),
        ([{"name": "A"}], "'A' is no name"),
        ([{"name": "origin", "type": "text", "example": "x"}], "'origin' is no name"),
        ([variable("a", "colour")], "'colour'"),
        ([variable("a"), variable("a")], "twice"),
        ([variable("a", "number", "abc")], "example of 'a'"),
        ([variable("a", "number", None)], "needs an example"),
        ([variable("a", "number", "NaN")], "example of 'a'"),
        ([variable("a", "number", 1, format="0" * 500)], "format"),
        ([variable("a", "text", "x", format="[a-z]+")], "format"),
        ([variable("a", "money", "3.00")], "example of 'a'"),
        ([variable("a", "url", "javascript:alert(1)")], "example of 'a'"),
        ([variable("a", "datetime", "yesterday")], "example of 'a'"),
        ([variable("a", "boolean", "yes")], "example of 'a'"),
        ([variable("a", "list", ["x"], items="list")], "items of 'a'"),
        ([variable("a", "list", [{"b": 1}], items={"b": "text"})], "b of item 0"),
        ([variable("a", wide=True)], "'wide'"),
        ([variable("a", required="yes")], "true or false"),
        ([variable(f"v{n}") for n in range(61)], "at most 60"),
    ],
)
def test_a_wrong_declaration_names_its_variable(declared: Any, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        template_create(name="t", subject="s", body="b", variables=declared)
    assert caught.value.code == "template_variables"
    assert not Template.objects.filter(name="t").exists()


@pytest.mark.parametrize(
    ("subject", "text", "words"),
    [
        ("s", "{{ a }} {{ b }}", "'b', which no variable declares"),
        ("{{ b }}", "{{ a }}", "'b'"),
        ("s", "{% for x in b %}{{ x }}{% endfor %}", "'b'"),
        ("s", "{% if b is defined %}{{ b }}{% endif %}", "'b'"),
        ("s", "{{ maybe }}", "'maybe' is undefined"),
        ("s", "{{ a * 2 }}", "numbers"),
        ("s", "{% set a = 1 %}", "Assign"),
        ("s", "{% include 'nothing' %}", "'nothing'"),
        ("{{ feedback.useful }}", "x", "subject"),
        ("s", "{% for i in range(100) %}{{ a }}{% endfor %}" * 8, "takes 4,096"),
        ("s", "", "blank"),
    ],
)
def test_what_could_never_render_is_not_stored(subject: str, text: str, words: str) -> None:
    declared = [variable("a", example="x" * 20), variable("maybe", required=False)]
    with pytest.raises(TemplateError, match=words):
        template_create(name="t", channel="telegram", subject=subject, body=text, variables=declared)
    assert not Template.objects.filter(name="t").exists()


def test_variables_are_as_before_where_nothing_else_is_said() -> None:
    template_create(name="t", subject="s", body="{{ a }}", variables=[variable("a")])
    assert template_create(name="t", subject="s", body="{{ a }}!").variables[0]["name"] == "a"
    assert template_create(name="t", channel="email", locale="de", subject="s", body="{{ a }}").markup == "html"
    with pytest.raises(TemplateError, match="'a'"):
        template_create(name="t", subject="s", body="{{ a }}", variables=[])


@pytest.mark.parametrize(
    ("declared", "value", "text", "german"),
    [
        (variable("v", "number", "1"), "1,234.50", "1,234.50", "1.234,50"),
        (variable("v", "number", "1", format="#,##0.0"), 1234.56, "1,234.6", "1.234,6"),
        (variable("v", "integer", 1), 1234567, "1,234,567", "1.234.567"),
        (variable("v", "percent", "0.1"), 0.00321, "0.32 %", "0,32 %"),
        (variable("v", "money", "1 EUR"), "1234.50 USDT", "1,234.50 USDT", "1.234,50 USDT"),
        (variable("v", "money", 1, format="EUR"), "0.5", "0.5 EUR", "0,5 EUR"),
        (variable("v", "datetime", "2026-01-01T00:00:00Z"), "2026-07-02T22:04:05Z", "2026-07-02 22:04 UTC",
         "03.07.2026 00:04 MESZ"),
        (variable("v", "date", "2026-01-01"), "2026-07-02", "2026-07-02", "02.07.2026"),
        (variable("v", "date", "2026-01-01", format="full"), "2026-07-02", "Thursday, July 2, 2026",
         "Donnerstag, 2. Juli 2026"),
    ],
)  # fmt: skip
def test_values_are_written_for_their_reader(
    declared: dict[str, Any], value: Any, text: str, german: str, settings: Any
) -> None:
    settings.ORIGIN = "live"
    row = template_create(name="t", channel="sms", subject="s", body="{{ v }}", variables=[declared])
    for locale, zone, expected in (("en", "UTC", text), ("de-DE", "Europe/Vienna", german)):
        [preview] = template_preview(row=row, facts={"v": value}, locale=locale, timezone=zone)
        assert preview.body.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_numbers_still_count(settings: Any) -> None:
    settings.ORIGIN = "live"
    row = template_create(
        name="t",
        channel="sms",
        subject="s",
        body="{{ v > 2 }} {{ (v * 2)|round(1) }} {{ (v + 60)|duration }} {% if flag %}on{% endif %}",
        variables=[variable("v", "number", 1), variable("flag", "boolean", True)],
    )
    [preview] = template_preview(row=row, facts={"v": "1,000.5", "flag": True}, locale="de")
    assert preview.body == "True 2.001,0 17 min 40 s on"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "no value for 'title'"),
        ({"title": "T"}, "no value for 'text'"),
        ({"title": "", "text": "x"}, "no value for 'title'"),
        ({"title": None, "text": "x"}, "no value for 'title'"),
        ({"title": "  ", "text": "x"}, "'title' is no text: it is blank"),
        ({"title": 5, "text": "x"}, "'title' is no text"),
        ({"title": ["T"], "text": "x"}, "'title' is no text"),
        ({"title": "x" * 5000, "text": "x"}, "more than 4,000"),
    ],
)
def test_a_delivery_says_which_value_is_missing_or_wrong(sink: Sink, facts: dict[str, Any], words: str) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, template="notice", context=facts)
    deliver(priority="high")
    row = Delivery.objects.get()
    assert row.state == DeliveryState.DEAD
    assert row.last_error.startswith("template_variable: ")
    assert words in row.last_error
    assert sink.arrived == []


def test_facts_that_nobody_declared_are_not_there(settings: Any) -> None:
    row = template_create(name="t", channel="sms", subject="s", body="{{ a }}", variables=[variable("a")])
    Template.objects.filter(pk=row.pk).update(body="{{ a }}{{ hidden }}")
    row.refresh_from_db()
    [preview] = template_preview(row=row, facts={"a": "x", "hidden": "secret"})
    assert "'hidden' is undefined" in preview.error


# --- blocks ----------------------------------------------------------------------------------------------------------

HTML: dict[str, Any] = {"markup": "html", "subject": "s"}


def test_blocks_come_from_rows_and_stay_as_they_were_when_it_was_stored() -> None:
    template_create(name="layout", body="<i>{% block body %}{% endblock %}</i> v1", **HTML)
    child = template_create(
        name="t", body="{% extends 'layout' %}{% block body %}{{ a }}{% endblock %}", variables=[variable("a")], **HTML
    )
    words = book().pick(name="t", channel="email", locale="en")
    assert book().ready(words).body.render({"a": "<x>"}) == "<i>&lt;x&gt;</i> v1"
    template_create(name="layout", body="<b>{% block body %}{% endblock %}</b> v2", **HTML)
    words = book().pick(name="t", channel="email", locale="en")
    assert book().ready(words).body.render({"a": "x"}) == "<i>x</i> v1"
    again = template_create(name="t", body=child.body, **HTML)
    assert again.pins != child.pins
    words = book().pick(name="t", channel="email", locale="en")
    assert book().ready(words).body.render({"a": "x"}) == "<b>x</b> v2"
    template_activate(template_id=child.pk, actor_id=None)
    words = book().pick(name="t", channel="email", locale="en")
    assert book().ready(words).body.render({"a": "x"}) == "<i>x</i> v1"


def test_a_block_brings_its_variables_and_its_language() -> None:
    template_create(name="foot", body="{{ sum }} EN", variables=[variable("sum", "number", 1)], **HTML)
    template_create(name="foot", locale="de", body="{{ sum }} DE", **HTML)
    template_create(name="t", locale="de-AT", body="{% include 'foot' %}", variables=[], **HTML)
    words = book().pick(name="t", channel="email", locale="de-AT")
    assert [one.name for one in book().ready(words).variables] == ["sum"]
    assert book().ready(words).body.render({"sum": 5}) == "5 DE"


def test_rows_that_would_refer_to_each_other_are_refused() -> None:
    template_create(name="a", body="one", **HTML)
    template_create(name="b", body="{% include 'a' %}", **HTML)
    with pytest.raises(TemplateError, match="refers to itself"):
        template_create(name="a", body="{% include 'b' %}", **HTML)
    template_create(name="c", body="x", **HTML)
    with pytest.raises(TemplateError, match="refers to itself"):
        template_create(name="c", body="{% include 'c' %}", **HTML)
    with pytest.raises(TemplateError, match="html, so words in text"):
        template_create(name="d", markup="text", subject="s", body="{% include 'a' %}")


# --- what ships ------------------------------------------------------------------------------------------------------


def test_seeding_never_overwrites_an_edit(capsys: pytest.CaptureFixture[str]) -> None:
    Template.objects.filter(name="opportunity", channel="email").update(body="mine")
    Template.objects.filter(name="opportunity", channel="telegram").update(active=False)
    Template.objects.filter(name="notice").delete()
    made = templates_seed()
    assert [row.name for row in made] == ["notice"]
    assert Template.objects.get(name="opportunity", channel="email").body == "mine"
    assert not Template.objects.get(name="opportunity", channel="telegram").active
    call_command("seed_templates")
    assert "all templates are there" in capsys.readouterr().out


@pytest.mark.parametrize("channel", ["", "telegram", "email", "slack", "sms"])
def test_every_opportunity_message_says_origin_age_and_risk(channel: str) -> None:
    words = body(channel, "en", "opportunity")
    for part in ("{{ origin }}", "(age_s + elapsed_s)|duration", "not risk-free"):
        assert part in words


def test_every_shipped_template_arrives_whole_on_every_channel_that_is_on() -> None:
    arrived: set[str] = set()
    for name in Template.objects.filter(active=True).order_by().values_list("name", flat=True).distinct():
        for channel in CHANNELS.names():
            picked = book().pick(name=name, channel=channel, locale="en")
            row = Template.objects.get(pk=str(picked.pk))
            [preview] = [one for one in template_preview(row=row) if one.channel == channel]
            if not preview.off:
                assert (preview.error, preview.lost) == ("", ""), f"{row} on {channel}"
                arrived.add(channel)
    # These need no configuration to be tried.
    assert arrived >= {"telegram", "email", "webhook", "slack", "discord"}


# --- shares and previews ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [-1, 1001])
def test_a_weight_is_a_share(weight: int) -> None:
    row = template_create(name="t", subject="s", body="b")
    with pytest.raises(PermanentError, match="0 to 1000"):
        template_weigh(template_id=row.pk, weight=weight, actor_id=None)
    with pytest.raises(TemplateError, match="0 to 1000"):
        template_create(name="t", subject="s", body="b", weight=weight)


def test_a_preview_says_what_would_be_cut(settings: Any) -> None:
    settings.ORIGIN = "live"
    text = "{% for x in xs %}{{ loop.index }} {{ x }}\n{% endfor %}"
    declared = [variable("xs", "list", ["a"])]
    row = template_create(name="t", subject="s", body=text, markup="text", variables=declared)
    made = template_preview(row=row, facts={"xs": ["words of a line that goes on"] * 200})
    found = {one.channel: one for one in made if not one.off}
    for one in found.values():
        assert one.length <= one.limit
        # A text message may be cut before its limit: what it may cost is bounded too.
        assert ("200 words" in one.lost) == (one.length < one.full_length), one.channel
    assert "200 words" in found["telegram"].lost
    assert not found["email"].lost
    assert "200 words" in found["webhook"].body


def test_one_source_is_html_plain_markdown_and_json(settings: Any) -> None:
    settings.ORIGIN = "live"
    row = template_create(
        name="t",
        subject="s",
        markup="html",
        body='<h2>{{ a }}</h2><ul><li>one *</li></ul><a href="https://x.test/?a=1&amp;b=2">more</a>',
        variables=[variable("a")],
    )
    found = {one.channel: one for one in template_preview(row=row, facts={"a": "<b>@everyone & _x_"})}
    data = json.loads(found["webhook"].body)["data"]
    assert data["text"] == "<b>@everyone & _x_\n• one *\nmore (https://x.test/?a=1&b=2)"
    assert data["html"].startswith("<h2>&lt;b&gt;@everyone &amp; _x_</h2>")
    assert "**\\<b\\>@everyone \\& \\_x\\_**" in data["markdown"]
    assert "[more](<https://x.test/?a=1&b=2>)" in data["markdown"]
    assert data["a"] == "<b>@everyone & _x_"
    telegram = '<b>&lt;b&gt;@everyone &amp; _x_</b>\n• one *\n<a href="https://x.test/?a=1&amp;b=2">more</a>'
    assert found["telegram"].body == telegram
    assert found["slack"].body == "*&lt;b&gt;@everyone &amp; _x_*\n• one *\n<https://x.test/?a=1&amp;b=2|more>"
    assert "**<b>@everyone & \\_x\\_**" in found["discord"].body.replace("\\<", "<").replace("\\>", ">")
    assert found["email"].body.startswith("<h2>&lt;b&gt;@everyone &amp; _x_</h2>")


def test_plain_words_are_harmless_in_html(settings: Any) -> None:
    settings.ORIGIN = "live"
    row = template_create(name="t", subject="s", markup="text", body="1 < 2 & {{ a }}\nnext", variables=[variable("a")])
    found = {one.channel: one for one in template_preview(row=row, facts={"a": "<script>"})}
    assert "1 &lt; 2 &amp; &lt;script&gt;\nnext" in found["email"].body
