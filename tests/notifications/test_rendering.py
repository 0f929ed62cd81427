"""The template sandbox: what works, and everything that must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications import rendering
from apps.notifications.exceptions import TemplateError
from apps.notifications.rendering import render

CONTEXT = {"name": "Eve <b>&", "n": 3, "items": ["a", "b"], "leg": {"side": "buy", "items": "mine"}, "none": None}


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
        "{% extends 'x' %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% set x = 1 %}",
        "{% filter upper %}x{% endfilter %}",
        "{% block a %}{% endblock %}",
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
        "{{ 10 ** 1000000 }}",
        "{{ 999999999999999999999999999999 * 999999999999999999999999999999 }}",
        "{{ 1 / 0 }}",
        "{% for i in range(1000000) %}x{% endfor %}",
        "{% for i in range(9) %}{% for j in range(9) %}{% for k in range(9) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for i in range(100) recursive %}{% endfor %}",
        "{% for c in name %}{{ c }}{% endfor %}",
        "x" * (rendering.MAX_SOURCE + 1),
        "{% for i in range(100) %}{% for j in range(100) %}0123456789{% endfor %}{% endfor %}",
        "{{ [long, long, long]|join(long) }}",
    ],
)
def test_bombs_are_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, {**CONTEXT, "long": "x" * 30_000}, html=False)


def test_a_loop_takes_only_so_many_items() -> None:
    assert render("{% for x in xs %}.{% endfor %}", {"xs": list(range(5000))}, html=False) == "." * rendering.MAX_ITEMS


def test_a_check_finds_syntax_and_forbidden_nodes_without_values() -> None:
    rendering.check("{{ whatever.comes|upper }}")
    with pytest.raises(TemplateError, match="Assign"):
        rendering.check("{% set x = 1 %}")


@given(st.text(max_size=60))
def test_any_value_survives_as_html(value: str) -> None:
    text = render("{{ v }}", {"v": value}, html=True)
    assert "<" not in text
    assert ">" not in text


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
        rendering.check(source)


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
