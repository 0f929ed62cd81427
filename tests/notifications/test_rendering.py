"""The template sandbox: what works, and everything that must not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.notifications.exceptions import TemplateError
from apps.notifications.templating import filters, inherit, sandbox
from apps.notifications.templating.locales import reader_of
from apps.notifications.templating.sandbox import compiled

CONTEXT = {"name": "Eve <b>&", "n": 3, "items": ["a", "b"], "leg": {"side": "buy", "items": "mine"}, "none": None}


def render(source: str, context: dict[str, Any], *, html: bool = False) -> str:
    return compiled(source, html=html).render(context)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ name|upper }}", "EVE <B>&"),
        ("{{ leg.side }} {{ leg['side'] }} {{ leg.items }}", "buy buy mine"),
        ("{% for x in items %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}", "1a, 2b"),
        ("{{ items|join('+') }} {{ items|length }} {{ items[0] }} {{ items[-1] }}", "a+b 2 a b"),
        ("{{ (n + 2) * 10 }} {{ -n }} {{ n / 2 }} {{ (n - 1)|round(2) }}", "50 -3 1.5 2.00"),
        ("{{ missing|default('x') }}{{ none|default('y') }}", "xy"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ 59|duration }} {{ 61|duration }} {{ 7200|duration }} {{ 90000|duration }}", "59 s 1 min 1 s 2 h 1 d 1 h"),
        ("{{ '2026-01-02T03:04:05+00:00'|moment }}", "2026-01-02 03:04 UTC"),
        ("{{ 'yes' if n == 3 and 'a' in items else 'no' }}", "yes"),
        ("{{ name|truncate(4) }}{{ '  x '|trim }}{{ 'AB'|lower }}{{ 'ab'|capitalize }}", "Eve…xabAb"),
    ],
)
def test_what_templates_can_do(source: str, text: str) -> None:
    assert render(source, CONTEXT, html=False) == text


def test_html_escapes_every_value_at_the_leaf() -> None:
    assert render("<i>{{ name }}</i>", CONTEXT, html=True) == "<i>Eve &lt;b&gt;&amp;</i>"
    assert render("{{ [name]|join(', ') }}", CONTEXT, html=True) == "Eve &lt;b&gt;&amp;"
    assert render("{{ name|e }}", CONTEXT, html=True) == "Eve &lt;b&gt;&amp;"
    # Plain text is not HTML: a text message with &amp; in it is what readers complain of.
    assert render("{{ name|e }}", CONTEXT) == "Eve <b>&"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ leg|attr('__class__') }}",
        "{{ leg.__class__ }}",
        "{{ leg.keys() }}",
        "{{ leg.get }}",
        "{{ items.append('x') }}",
        "{{ 'x'.format(n) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%s' % n }}",
        "{{ range.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ loop.__class__ }}",
        "{% for x in items %}{{ loop.__init__ }}{% endfor %}",
        "{% for x in items %}{{ loop.previtem.__class__ }}{% endfor %}",
        "{{ cycler('a').__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{{ namespace() }}",
        "{{ dict(a=1) }}",
        "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}",
        "{% include name %}",
        "{% include ['a', 'b'] %}",
        "{% extends 'x' %}",
        "{% extends name %}",
        "{% from 'x' import y %}",
        "{% import name as y with context %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% set x = 1 %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ super() }}",
        "{% block a %}{{ super.__init__ }}{% endblock %}",
        "{% block a %}{{ super.super() }}{% endblock %}",
        "{% autoescape false %}{{ name }}{% endautoescape %}",
        "{{ name|safe }}",
        "{{ name|forceescape }}",
        "{{ name|attr('upper') }}",
        "{{ items|sort }}",
        "{{ leg|dictsort }}",
        "{{ items|groupby('x') }}",
        "{{ items|sum }}",
        "{{ none.__class__ }}",
        "{{ ().__class__.__bases__ }}",
        "{{ name is callable }}",
        "{{ name is filter }}",
        "{% call name() %}{% endcall %}",
        "{% with x = 1 %}{{ x }}{% endwith %}",
        "{% debug %}",
        "{% do items.append(1) %}",
        "{{ _name }}",
        "{{ self._TemplateReference__context }}",
        "{{ items|map('upper')|list }}",
        "{{ name|pprint }}",
        "{{ missing }}",
        "{{ leg.missing }}",
        "{{ items[7] }}",
        "{{ n",
        "{% if %}",
    ],
)
def test_escapes_and_mistakes_are_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, CONTEXT, html=False)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ items * 1000000000 }}",
        "{{ name + name }}",
        "{{ name ~ name }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(0, 100000000000000000000) %}x{% endfor %}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 2 // 0 }}",
        "{{ 5 % 3 }}",
        "{{ " + "9" * 5000 + " * 2 }}",
        "{{ 1e308 * 10 }}",
        "{{ name|center(1000000000) }}",
        "{{ name|indent(1000000000) }}",
        "{{ name|replace('a', long) }}",
        "{{ name|format(long) }}",
        "{{ '%1000000000s'|format(name) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ name|ljust(1000000000) }}",
        "{{ name|wordwrap(1) }}",
        "{{ long|urlize }}",
        "{{ long|list }}",
        "{{ items|batch(1000000000) }}",
        "{{ items|slice(1000000000) }}",
        "{{ long|xmlattr }}",
        "{{ leg|tojson(1000000000) }}",
        "{{ 10 ** 1000000 }}",
        "{{ 999999999999999999999999999999 * 999999999999999999999999999999 }}",
        "{{ 1 / 0 }}",
        "{% for i in range(1000000) %}x{% endfor %}",
        "{% for i in range(9) %}{% for j in range(9) %}{% for k in range(9) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for i in range(100) recursive %}{% endfor %}",
        "{% for c in name %}{{ c }}{% endfor %}",
        "x" * (sandbox.MAX_SOURCE + 1),
        "{% for i in range(100) %}{% for j in range(100) %}0123456789{% endfor %}{% endfor %}",
        "{{ [long, long, long]|join(long) }}",
    ],
)
def test_bombs_are_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, {**CONTEXT, "long": "x" * 30_000}, html=False)


def test_a_loop_takes_only_so_many_items() -> None:
    assert render("{% for x in xs %}.{% endfor %}", {"xs": list(range(5000))}, html=False) == "." * filters.ITEMS_MAX


def test_a_check_finds_syntax_and_forbidden_nodes_without_values() -> None:
    compiled("{{ whatever.comes|upper }}")
    with pytest.raises(TemplateError, match="Assign"):
        compiled("{% set x = 1 %}")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_value_survives_as_html(value: str) -> None:
    text = render("{{ v }}", {"v": value}, html=True)
    assert "<" not in text
    assert ">" not in text


@settings(deadline=None)
@given(st.text(alphabet="{}%| ._[]()'ab1+*~", max_size=60))
def test_any_template_renders_or_is_refused(source: str) -> None:
    try:
        assert isinstance(render(source, {"a": "x", "b": [1]}, html=False), str)
    except TemplateError as error:
        assert error.message


@pytest.mark.parametrize(
    "source",
    [
        "{% if 1 %}" * 120 + "x" + "{% endif %}" * 120,
        "{{ " + "-" * 400 + "1 }}",
        "{{ " + "(" * 150 + "1" + ")" * 150 + " }}",
    ],
)
def test_what_nests_too_deeply_for_python_is_the_templates_fault(source: str) -> None:
    with pytest.raises(TemplateError):
        compiled(source)


def test_loops_that_print_nothing_are_bounded_too() -> None:
    pair = "{% for a in range(100) %}{% for b in range(100) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError) as caught:
        render(pair * 200, {}, html=False)
    assert caught.value.code == "template_too_long"
    # What a message needs is far below that.
    assert render("{% for a in range(100) %}{{ a }},{% endfor %}", {}, html=False).startswith("0,1,2")


def test_the_count_of_turns_starts_anew_with_each_rendering() -> None:
    source = "{% for a in range(100) %}{% for b in range(100) %}{% endfor %}{% endfor %}"
    for _ in range(20):
        assert render(source, {}, html=False) == ""


LAYOUTS = {
    "layout": "<{% block head %}H{% endblock %}|{% block body %}B{% endblock %}>",
    "middle": "{% extends 'layout' %}{% block body %}m{{ super() }}m{% endblock %}",
    "leg": "[{{ x }}]",
    "me": "{% include 'me' %}",
    "a": "{% include 'b' %}",
    "b": "{% include 'a' %}",
    "up": "{% extends 'down' %}",
    "down": "{% extends 'up' %}",
    "nested": "{% block a %}{% block b %}{% endblock %}{% endblock %}",
    "big": "x" * 15_000,
    "secret": "{% import 'os' as os %}",
} | {f"deep{n}": f"{{% include 'deep{n + 1}' %}}" for n in range(10)}


def load(name: str) -> str:
    return LAYOUTS[name] if name in LAYOUTS else sandbox.no_others(name)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% extends 'layout' %}", "<H|B>"),
        ("{% extends 'layout' %}{% block body %}{{ n }}{% endblock %}", "<H|3>"),
        ("{% extends 'middle' %}{% block body %}({{ super() }}){% endblock %}", "<H|(mBm)>"),
        ("{% extends 'middle' %}{% block head %}{{ super() }}{{ super() }}{% endblock %}", "<HH|mBm>"),
        ("{% for x in items %}{% include 'leg' %}{% endfor %}", "[a][b]"),
        ("{% if n == 3 %}{% include 'layout' %}{% else %}{% include 'big' %}{% endif %}", "<H|B>"),
        ("{% block a %}1{% block b %}2{% endblock %}{% endblock %}", "12"),
        ("{% extends 'nested' %}{% block b %}x{{ name|truncate(2) }}{% endblock %}", "xE…"),
    ],
)
def test_blocks_and_references_are_put_in_their_place(source: str, text: str) -> None:
    assert compiled(source, load=load).render(CONTEXT) == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% include 'me' %}", "refers to itself"),
        ("{% include 'a' %}", "refers to itself: a → b → a"),
        ("{% extends 'up' %}", "refers to itself"),
        ("{% include 'deep0' %}", "deep"),
        ("{% include 'big' %}" * 5, "with all its blocks"),
        ("{% include 'secret' %}", "Import"),
        ("{% include 'nothing' %}", "no template 'nothing'"),
        ("{% extends 'layout' %}lost words", "would never be shown"),
        ("{% extends 'layout' %}{% block a %}1{% endblock %}{% block a %}2{% endblock %}", "twice"),
        ("{% extends 'layout' %}{% block body %}{% block body %}{% endblock %}{% endblock %}", "twice"),
        ("{% extends 'layout' %}{% extends 'middle' %}", "extends one"),
        ("{% for i in range(9) %}{% for j in range(9) %}{% include 'loop' %}{% endfor %}{% endfor %}", "deep"),
    ],
)
def test_references_that_never_end_are_refused_when_compiled(source: str, words: str) -> None:
    LAYOUTS["loop"] = "{% for k in range(9) %}{% endfor %}"
    with pytest.raises(TemplateError, match=f"(?i){words}"):
        compiled(source, load=load)


def test_includes_count_into_the_cost_of_a_turn() -> None:
    LAYOUTS["long"] = " " * 19_000
    with pytest.raises(TemplateError) as caught:
        compiled("{% for i in range(100) %}{% for j in range(9) %}{% include 'long' %}{% endfor %}{% endfor %}",
                 load=load).render({})  # fmt: skip
    assert caught.value.code == "template_too_long"


def test_blocks_that_call_each_other_do_not_grow_without_end() -> None:
    blocks = "{% extends 'layout' %}{% block body %}" + "{{ super() }}" * 300 + "{% endblock %}"
    with pytest.raises(TemplateError, match="With all its blocks"):
        compiled(blocks, load=lambda name: "{% block body %}" + "x" * 500 + "{% endblock %}")


@settings(deadline=None)
@given(st.text(alphabet="{}%| ._[]()'ab1+*~", max_size=60))
def test_any_included_template_renders_or_is_refused(source: str) -> None:
    try:
        text = compiled("{% include 'it' %}", load=lambda name: source).render({"a": "x", "b": [1]})
        assert isinstance(text, str)
    except TemplateError as error:
        assert error.message


WORDS = st.sampled_from(
    ["{{ a }}", "{{ b }}", "{{ b|join(a) }}", "{% for i in range(99) %}", "{% for i in b %}", "{% endfor %}",
     "{% if a %}", "{% endif %}", "{{ a|truncate(99) }}", "{{ b|length * 9 }}", "{% block x %}", "{% endblock %}",
     "{% include 'it' %}", "{% extends 'it' %}", "{{ super() }}", "{{ i }}", "{{ loop.index }}", "text"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(WORDS, max_size=12).map("".join), st.lists(WORDS, max_size=8).map("".join))
def test_output_never_passes_its_bound(source: str, other: str) -> None:
    context = {"a": "x" * 5000, "b": ["y" * 500] * 50}
    try:
        text = compiled(source, load=lambda name: other).render(context)
    except TemplateError:
        return
    assert len(text) <= filters.OUTPUT_MAX


def test_supers_multiply_and_are_counted() -> None:
    tens = "{{ super() }}" * 10
    chain = {"p0": "{% block body %}x{% endblock %}"} | {
        f"p{n}": f"{{% extends 'p{n - 1}' %}}{{% block body %}}{tens}{{% endblock %}}" for n in range(1, 5)
    }
    assert compiled("{% extends 'p1' %}", load=chain.__getitem__).render({}) == "x" * 10
    with pytest.raises(TemplateError, match="With all its blocks"):
        compiled("{% extends 'p4' %}", load=chain.__getitem__)


def test_time_is_bounded_where_turns_are_not_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking = iter(range(10**6))
    monkeypatch.setattr("apps.notifications.templating.sandbox.time.thread_time", lambda: float(next(ticking)))
    with pytest.raises(TemplateError, match="too long"):
        compiled("{% for x in range(3) %}{{ x }}{% endfor %}").render({})


def test_what_is_printed_is_written_for_the_reader() -> None:
    words = compiled("{{ (n / 7)|round(2) }} {{ 0.1234|percent }} {{ at|moment }}")
    values = {"n": 12345, "at": "2026-07-02T22:04:05+00:00"}
    assert words.render(values, reader_of("en")) == "1,763.57 12.34\N{NO-BREAK SPACE}% 2026-07-02 22:04 UTC"
    vienna = words.render(values, reader_of("de-AT", "Europe/Vienna"))
    assert vienna == "1.763,57 12,34\N{NO-BREAK SPACE}% 03.07.2026 00:04 MESZ"


def test_no_limit_grows_unseen() -> None:
    assert (sandbox.MAX_SOURCE, sandbox.MAX_RANGE, filters.OUTPUT_MAX) == (20_000, 100, 60_000)
    assert (inherit.DEPTH_MAX, inherit.EXPANDED_MAX) == (5, 60_000)
