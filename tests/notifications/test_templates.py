"""Which words a message takes."""

import pytest
from django.core.management import call_command

from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Template
from apps.notifications.services import template_create, templates_seed
from apps.notifications.services import templates as module
from apps.notifications.services.templates import template_pick, templates_forget

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]


def body(channel: str, locale: str) -> str:
    return template_pick(name="t", channel=channel, locale=locale).body


def test_locale_comes_before_channel_and_english_last() -> None:
    for channel, locale in (("", "en"), ("email", "en"), ("", "de"), ("email", "de-AT")):
        template_create(name="t", channel=channel, locale=locale, subject="s", body=f"{channel}/{locale}")
    assert body("email", "en") == "email/en"
    assert body("telegram", "en") == "/en"
    assert body("email", "de-AT") == "email/de-AT"
    assert body("telegram", "de-AT") == "/de"
    assert body("email", "de") == "/de"
    assert body("email", "fr") == "email/en"


def test_the_newest_active_version_is_used() -> None:
    template_create(name="t", subject="s", body="one")
    second = template_create(name="t", subject="s", body="two")
    assert second.version == 2
    assert body("email", "en") == "two"
    Template.objects.filter(pk=second.pk).update(active=False)
    templates_forget()
    assert body("email", "en") == "one"


def test_rows_are_read_again_only_when_the_cache_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    template_create(name="t", subject="s", body="one")
    assert body("email", "en") == "one"
    Template.objects.filter(name="t").update(body="changed behind our back")
    assert body("email", "en") == "one"
    monkeypatch.setattr(module, "CACHE_S", 0.0)
    assert body("email", "en") == "changed behind our back"


def test_no_template_says_which() -> None:
    with pytest.raises(TemplateError, match="'nothing'"):
        template_pick(name="nothing", channel="email", locale="de")


def test_what_could_never_render_is_not_stored() -> None:
    with pytest.raises(TemplateError):
        template_create(name="t", subject="s", body="{% set x = 1 %}")
    assert not Template.objects.filter(name="t").exists()


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


@pytest.mark.parametrize("channel", ["", "telegram", "email"])
def test_every_opportunity_message_says_origin_age_and_risk(channel: str) -> None:
    words = template_pick(name="opportunity", channel=channel, locale="en").body
    for part in ("{{ origin }}", "(age_s + elapsed_s)|duration", "not risk-free"):
        assert part in words
