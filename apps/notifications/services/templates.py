"""Templates: new versions, and which of them is in use. Nothing is stored that could not be rendered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.core import audit
from apps.core.exceptions import PermanentError
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import Markup, TextFormat
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Template
from apps.notifications.services.book import Ready, Words, book, forget, ready_made, with_inherited, words_of
from apps.notifications.services.preview import Preview, previews
from apps.notifications.templating.locales import FALLBACK, normal
from apps.notifications.templating.sandbox import compiled
from apps.notifications.templating.variables import GIVEN, Variable, declared, examples

SHIPPED = Path(__file__).resolve().parent.parent / "default_templates"
ANY_CHANNEL = "any"
WEIGHT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Draft:
    """Words that somebody wants to store. What is None is as in the newest version of that name, channel and locale,
    else as in the words for any channel, else what fits the channel."""

    name: str
    body: str
    subject: str = ""
    channel: str = ""
    locale: str = FALLBACK
    variant: str = ""
    weight: int = 100
    markup: str | None = None
    variables: Any = None


def template_create(*, actor_id: UUID | None = None, active: bool = True, **draft: Any) -> Template:
    """Store a new version (the fields of `Draft`) and use it from now on, or keep it for later.

    TemplateError says what could never be rendered or what no variable is declared for, and nothing is stored."""
    words = template_checked(Draft(**draft))
    try:
        row = _stored(words, active=active, actor_id=actor_id)
    except ValidationError as error:
        # A name or a locale too long for its column, an empty body.
        raise TemplateError(" ".join(error.messages), code="template_fields") from None
    except IntegrityError:
        raise PermanentError(
            "Somebody has just stored other words of this name; look at them and try again.", code="template_conflict"
        ) from None
    forget()
    return row


@transaction.atomic
def _stored(words: Words, *, active: bool, actor_id: UUID | None) -> Template:
    same = Template.objects.filter(name=words.name, channel=words.channel, locale=words.locale)
    # Two who store at once: the second waits here for the first one's number.
    list(same.select_for_update().values_list("pk", flat=True))
    newest: int = same.aggregate(newest=Max("version"))["newest"] or 0
    row = Template(
        name=words.name,
        channel=words.channel,
        locale=words.locale,
        version=newest + 1,
        variant=words.variant,
        weight=words.weight,
        active=active,
        markup=words.markup,
        variables=[one.dumped() for one in words.variables],
        subject=words.subject,
        body=words.body,
        pins=dict(words.pins),
        created_by_id=actor_id,
    )
    if active:
        _taken_out(row)
    row.clean_fields()
    row.save(force_insert=True)
    _audited(actor_id, "created", row, {"version": row.version, "active": active})
    return row


def template_activate(*, template_id: int, actor_id: UUID | None) -> Template:
    """Use this version from now on instead of the one in use: that is how to roll back.

    TemplateError where today's rules refuse its words; nothing changes then."""
    with transaction.atomic():
        row = Template.objects.select_for_update().get(pk=template_id)
        _tried(_ready(row))
        before = _taken_out(row)
        row.active = True
        row.save(update_fields=["active"])
        _audited(actor_id, "activated", row, {"version": row.version, "instead_of": before})
    forget()
    return row


def template_deactivate(*, template_id: int, actor_id: UUID | None) -> Template:
    """Use this version no more; readers get what the next best locale or channel has."""
    with transaction.atomic():
        row = Template.objects.select_for_update().get(pk=template_id)
        row.active = False
        row.save(update_fields=["active"])
        _audited(actor_id, "deactivated", row, {"version": row.version})
    forget()
    return row


def template_weigh(*, template_id: int, weight: int, actor_id: UUID | None) -> Template:
    """Give this variant another share of the readers. PermanentError(code="bad_weight") for what is no share."""
    if not 0 <= weight <= WEIGHT_MAX:
        raise PermanentError(f"A weight is a whole number from 0 to {WEIGHT_MAX}.", code="bad_weight")
    with transaction.atomic():
        row = Template.objects.select_for_update().get(pk=template_id)
        before, row.weight = row.weight, weight
        row.save(update_fields=["weight"])
        _audited(actor_id, "weighed", row, {"before": before, "after": weight})
    forget()
    return row


def template_checked(draft: Draft) -> Words:
    """The words of a draft, complete and tried; TemplateError says what is wrong with them."""
    if draft.channel and draft.channel not in CHANNELS.names():
        raise TemplateError(f"There is no channel {draft.channel!r}.", code="template_channel")
    if not 0 <= draft.weight <= WEIGHT_MAX:
        raise TemplateError(f"A weight is a whole number from 0 to {WEIGHT_MAX}.", code="template_weight")
    former = _former(draft)
    words = Words(
        pk=None,
        name=draft.name,
        channel=draft.channel,
        locale=normal(draft.locale),
        version=0,
        variant=draft.variant,
        weight=draft.weight,
        markup=draft.markup or _markup(draft.channel, former),
        subject=draft.subject,
        body=draft.body,
        variables=_declared(draft.variables, former),
        pins={},
    )
    if words.markup not in Markup.values:
        raise TemplateError(f"{words.markup!r} is no markup; use {' or '.join(Markup.values)}.", code="template_markup")
    found: dict[str, Words] = {}

    def load(name: str) -> str:
        if name == words.name:
            raise TemplateError(f"The template {name!r} refers to itself.")
        found[name] = book().referred(name=name, channel=words.channel, locale=words.locale)
        if found[name].markup != words.markup:
            raise TemplateError(f"{name!r} is {found[name].markup}, so words in {words.markup} can't refer to it.")
        return found[name].body

    body = compiled(words.body, html=words.markup == Markup.HTML, load=load)
    words = replace(words, pins={name: one.pk for name, one in found.items() if one.pk is not None})
    _tried(Ready(words, compiled(words.subject), body, with_inherited(words, list(found.values()))))
    return words


def template_preview(
    *, row: Template, facts: Mapping[str, Any] | None = None, locale: str = "", timezone: str = "UTC"
) -> list[Preview]:
    """How a version would arrive on every channel that could take it, filled with `facts`, else with its examples."""
    ready = _ready(row)
    return previews(ready, examples(ready.variables) if facts is None else facts, locale=locale, timezone=timezone)


def templates_seed() -> list[Template]:
    """Store each shipped template of which there is no version yet; an operator's words are never touched.

    A file is `name.channel.locale.markup.j2` with subject, empty line, body; `name.json` declares the variables."""
    made = []
    for file in sorted(SHIPPED.glob("*.j2")):
        name, channel, locale, markup = file.name.removesuffix(".j2").split(".")
        channel = "" if channel == ANY_CHANNEL else channel
        if Template.objects.filter(name=name, channel=channel, locale=locale).exists():
            continue
        subject, _, body = file.read_text(encoding="utf-8").partition("\n\n")
        made.append(
            template_create(
                name=name,
                channel=channel,
                locale=locale,
                markup=markup,
                variables=json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8")),
                subject=subject,
                body=body,
            )
        )
    return made


def _former(draft: Draft) -> Template | None:
    same = Template.objects.filter(name=draft.name).order_by("-version")
    own = same.filter(channel=draft.channel, locale=normal(draft.locale)).first()
    return own or same.filter(channel="").first() or same.first()


def _markup(channel: str, former: Template | None) -> str:
    if former is not None and former.channel == channel:
        return former.markup
    html = channel and CHANNELS.get(channel).text_format is TextFormat.HTML
    return Markup.HTML if html else Markup.TEXT


def _declared(raw: Any, former: Template | None) -> tuple[Variable, ...]:
    if raw is None:
        return declared(former.variables if former is not None else [])
    return declared(raw)


def _ready(row: Template) -> Ready:
    return ready_made(words_of(row), [words_of(one) for one in Template.objects.filter(pk__in=row.pins.values())])


def _tried(ready: Ready) -> None:
    """Render with the examples, all of them and only the required ones, for every channel that could take the words."""
    known = GIVEN | {one.name for one in ready.variables}
    unknown = sorted((ready.subject.names | ready.body.names) - known)
    if unknown:
        raise TemplateError(
            f"The words name {', '.join(map(repr, unknown))}, which no variable declares.", code="template_undeclared"
        )
    if "feedback" in ready.subject.names:
        raise TemplateError("A subject has no place for links: name feedback in the body.", code="template_undeclared")
    for only_required in (True, False):
        # What an optional value leaves open shows here and not in somebody's message.
        for preview in previews(ready, examples(ready.variables, only_required=only_required)):
            if preview.error and not preview.off:
                raise TemplateError(preview.error)
            if preview.lost and ready.words.channel:
                made, room = preview.full_length, preview.limit
                raise TemplateError(
                    f"With the examples it makes {made:,} where {preview.channel} takes {room:,}.",
                    code="template_too_long",
                )


def _taken_out(row: Template) -> int | None:
    """The version that `row` takes the place of, which is in use no more."""
    rivals = Template.objects.filter(
        name=row.name, channel=row.channel, locale=row.locale, variant=row.variant, active=True
    ).exclude(pk=row.pk)
    former = rivals.select_for_update().values_list("version", flat=True).first()
    rivals.update(active=False)
    return former


def _audited(actor_id: UUID | None, verb: str, row: Template, changes: Mapping[str, Any]) -> None:
    audit.record(actor_id=actor_id, action=f"template.{verb}", target=f"{row._meta.label}:{row.pk}", changes=changes)
