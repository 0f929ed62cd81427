"""Templates: which words a message takes, and the ones the house ships."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import Max

from apps.notifications import rendering
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Template

CACHE_S = 10.0
FALLBACK_LOCALE = "en"
SHIPPED = Path(__file__).resolve().parent.parent / "default_templates"
ANY_CHANNEL = "any"


@dataclass(frozen=True, slots=True)
class Words:
    """One template's texts, apart from its row."""

    subject: str
    body: str


Key = tuple[str, str, str]
_lock = threading.Lock()
_cached: tuple[float, Mapping[Key, Words]] = (float("-inf"), {})


def template_pick(*, name: str, channel: str, locale: str) -> Words:
    """The newest active words for `name`: the reader's locale before its language before English, and in each the
    channel's own before those for any channel. TemplateError(code="template_missing") where there are none."""
    known = _active()
    for language in dict.fromkeys((locale, locale.split("-")[0], FALLBACK_LOCALE)):
        for one in (channel, ""):
            if (name, one, language) in known:
                return known[name, one, language]
    raise TemplateError(
        f"There is no template {name!r} for {channel or 'any channel'} in {locale!r} or {FALLBACK_LOCALE!r}.",
        code="template_missing",
    )


def template_create(
    *, name: str, channel: str = "", locale: str = FALLBACK_LOCALE, subject: str, body: str
) -> Template:
    """Store a new version of a template; TemplateError says what could never be rendered, and nothing is stored."""
    rendering.check(subject)
    rendering.check(body)
    with transaction.atomic():
        same = Template.objects.filter(name=name, channel=channel, locale=locale)
        newest: int = same.aggregate(newest=Max("version"))["newest"] or 0
        row = Template(name=name, channel=channel, locale=locale, version=newest + 1, subject=subject, body=body)
        row.full_clean()
        row.save(force_insert=True)
    templates_forget()
    return row


def templates_seed() -> list[Template]:
    """Store each shipped template of which there is no version yet; an operator's words are never touched."""
    made = []
    for file in sorted(SHIPPED.glob("*.j2")):
        name, channel, locale = file.name.removesuffix(".j2").split(".")
        channel = "" if channel == ANY_CHANNEL else channel
        if Template.objects.filter(name=name, channel=channel, locale=locale).exists():
            continue
        subject, _, body = file.read_text(encoding="utf-8").partition("\n\n")
        made.append(template_create(name=name, channel=channel, locale=locale, subject=subject, body=body))
    return made


def templates_forget() -> None:
    """Read the rows anew next time; other processes do so within CACHE_S seconds."""
    global _cached
    with _lock:
        _cached = (float("-inf"), {})


def _active() -> Mapping[Key, Words]:
    global _cached
    with _lock:
        read_at, known = _cached
    if time.monotonic() - read_at < CACHE_S:
        return known
    rows = Template.objects.filter(active=True).order_by("version")
    # Later versions overwrite earlier ones.
    known = {(row.name, row.channel, row.locale): Words(row.subject, row.body) for row in rows}
    with _lock:
        _cached = (time.monotonic(), known)
    return known
