"""The templates in use, kept in memory: picking and compiling words asks the database nothing.

A version is never edited, so the list of active versions with their weights says whether anything changed. Each process
looks at that list every CHECK_S seconds (one small query) and reads the words anew only where it differs."""

import logging
import random
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError

from apps.notifications.enums import Markup
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Template
from apps.notifications.templating.locales import FALLBACK, chain
from apps.notifications.templating.sandbox import Compiled, compiled, no_others
from apps.notifications.templating.variables import Variable, declared
from apps.notifications.templating.variants import place

logger = logging.getLogger(__name__)

CHECK_S = 2.0
# Read anew after one to two hours whatever the list says; spread, so that processes don't all do so at once.
TTL_S = (3600.0, 7200.0)


@dataclass(frozen=True, slots=True)
class Words:
    """One version, apart from its row. `pk` is None for words that are not stored yet."""

    pk: int | None
    name: str
    channel: str
    locale: str
    version: int
    variant: str
    weight: int
    markup: str
    subject: str
    body: str
    variables: tuple[Variable, ...]
    pins: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ready:
    """Words compiled, with all that they and those they refer to declare; their own declaration of a name counts."""

    words: Words
    subject: Compiled
    body: Compiled
    variables: tuple[Variable, ...]


Key = tuple[str, str, str]
# What the active versions were when the book was made.
Signature = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Active versions by name, channel and locale, and the versions that they refer to."""

    groups: Mapping[Key, tuple[Words, ...]]
    by_pk: Mapping[int, Words]
    _ready: dict[int | None, Ready] = field(default_factory=dict)

    def pick(self, *, name: str, channel: str, locale: str, reader: str = "") -> Words:
        """The words for `name`: the reader's locale before shorter ones before English, in each the channel's own
        before those for any channel, of those the variant that falls to `reader`.

        TemplateError(code="template_missing") where there are none."""
        for group in self._groups(name, channel, locale):
            return group[place(name, reader, [words.weight for words in group])]
        raise TemplateError(
            f"There is no template {name!r} for {channel or 'any channel'} in {locale!r} or {FALLBACK!r}.",
            code="template_missing",
        )

    def referred(self, *, name: str, channel: str, locale: str) -> Words:
        """What `name` means in other words: as `pick`, the plain variant before others, so that it is one for all."""
        for group in self._groups(name, channel, locale):
            return group[0]
        raise TemplateError(f"There is no template {name!r} to refer to.", code="template_missing")

    def ready(self, words: Words) -> Ready:
        """Words of this book, compiled once for each version. Raises TemplateError."""
        found = self._ready.get(words.pk)
        if found is None:
            found = self._ready[words.pk] = ready_made(words, [self.by_pk[pk] for pk in words.pins.values()])
        return found

    def _groups(self, name: str, channel: str, locale: str) -> Iterable[tuple[Words, ...]]:
        for language in chain(locale):
            for one in dict.fromkeys((channel, "")):
                group = self.groups.get((name, one, language))
                if group:
                    yield group


def ready_made(words: Words, referred: Sequence[Words]) -> Ready:
    """The words with the versions that their pins name. Raises TemplateError for what could never be rendered."""
    bodies = {one.name: one.body for one in referred}

    def load(name: str) -> str:
        return bodies[name] if name in bodies else no_others(name)

    body = compiled(words.body, html=words.markup == Markup.HTML, load=load)
    return Ready(words, compiled(words.subject), body, with_inherited(words, referred))


def with_inherited(words: Words, referred: Sequence[Words]) -> tuple[Variable, ...]:
    """What the words and those they refer to declare."""
    found = {variable.name: variable for one in (*referred, words) for variable in one.variables}
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Kept:
    book: Book
    signature: Signature
    checked_at: float
    stale_at: float


_lock = threading.Lock()
_kept: _Kept | None = None


def book() -> Book:
    """The templates in use, at most CHECK_S seconds old."""
    global _kept
    moment = time.monotonic()
    kept = _kept
    if kept is not None and moment < kept.checked_at + CHECK_S:
        return kept.book
    with _lock:
        kept = _kept
        try:
            signature = _signature()
        except (OperationalError, InterfaceError) as error:
            if kept is None:
                raise
            # Words that may be older than CHECK_S are better than no message.
            logger.warning("Templates could not be looked after, the known ones stay: %s", type(error).__name__)
            _kept = _Kept(kept.book, kept.signature, moment, kept.stale_at)
            return kept.book
        if kept is None or signature != kept.signature or moment > kept.stale_at:
            kept = _Kept(_read(), signature, moment, moment + random.uniform(*TTL_S))
        _kept = _Kept(kept.book, kept.signature, moment, kept.stale_at)
        return kept.book


def forget() -> None:
    """Look at the rows with the next question; other processes do so within CHECK_S seconds."""
    global _kept
    kept = _kept
    if kept is not None:
        _kept = _Kept(kept.book, kept.signature, float("-inf"), kept.stale_at)


def words_of(row: Template) -> Words:
    """A row's words."""
    return Words(
        pk=row.pk,
        name=row.name,
        channel=row.channel,
        locale=row.locale,
        version=row.version,
        variant=row.variant,
        weight=row.weight,
        markup=row.markup,
        subject=row.subject,
        body=row.body,
        variables=declared(row.variables),
        pins=dict(row.pins),
    )


def _signature() -> Signature:
    active = Template.objects.filter(active=True).order_by("pk")
    return tuple(active.values_list("pk", "weight", "created_at"))


def _read() -> Book:
    active = [words_of(row) for row in Template.objects.filter(active=True).order_by("variant", "pk")]
    by_pk = {words.pk: words for words in active if words.pk is not None}
    missing = {pk for words in active for pk in words.pins.values()} - by_pk.keys()
    by_pk |= {row.pk: words_of(row) for row in Template.objects.filter(pk__in=missing)}
    groups: dict[Key, tuple[Words, ...]] = {}
    for words in active:
        key = (words.name, words.channel, words.locale)
        groups[key] = (*groups.get(key, ()), words)
    return Book(groups, by_pk)
