"""Templates to text, in a sandbox: names, filters, ifs and loops over JSON values, and nothing else.

A template is somebody's text, so it is treated as hostile: its syntax tree may hold only the nodes listed here, values
have no attributes but their keys, arithmetic takes numbers only, loops and output are bounded."""

import hashlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import StrictUndefined, Template, nodes
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from apps.notifications.exceptions import TemplateError

MAX_SOURCE = 20_000
MAX_OUTPUT = 60_000
MAX_RANGE = 100
MAX_ITEMS = 200
MAX_LOOP_DEPTH = 2
# Turns of all loops together times the template's length: what a rendering may cost whatever it prints.
MAX_WORK = 5_000_000
_MAX_NUMBER = 1e30
T = TypeVar("T")

_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Keyword, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Neg, nodes.Test, nodes.List, nodes.Tuple,
    nodes.Call,
)  # fmt: skip
_LOOP_NAMES = frozenset({"index", "index0", "first", "last", "length"})


# Python itself refuses (SyntaxError, MemoryError) what Jinja makes of a template that nests too deeply.
_ITS_FAULT = (
    JinjaError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, SyntaxError,
    MemoryError,
)  # fmt: skip
_work_left: ContextVar[list[int]] = ContextVar("work left and cost of a turn")


def render(source: str, context: Mapping[str, Any], *, html: bool) -> str:
    """`source` filled with `context` (JSON values); with `html` every value is escaped where it is put in.

    Raises TemplateError for anything wrong: syntax, a forbidden construct, a missing name, too much output."""
    template = _compiled(hashlib.sha256(source.encode()).digest(), source, html)
    token = _work_left.set([MAX_WORK, len(source)])
    try:
        return _guarded(lambda: _bounded(template, context))
    finally:
        _work_left.reset(token)


def check(source: str) -> None:
    """Raise TemplateError if `source` could never be rendered."""
    _compiled(hashlib.sha256(source.encode()).digest(), source, False)


@lru_cache(maxsize=512)
def _compiled(_digest: bytes, source: str, html: bool) -> Template:
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"The template has {len(source):,} characters, at most {MAX_SOURCE:,} are allowed.")
    environment = _ENVIRONMENTS[html]

    def build() -> Template:
        tree = environment.parse(source)
        _vet(tree, depth=0)
        return environment.from_string(tree)

    return _guarded(build)


def _guarded(work: Callable[[], T]) -> T:
    """What `work` returns; everything a hostile or wrong template can raise comes out as a TemplateError."""
    try:
        return work()
    except TemplateError:
        raise
    except _ITS_FAULT as error:
        raise TemplateError(f"The template can't be rendered: {error}") from error


def _bounded(template: Template, context: Mapping[str, Any]) -> str:
    parts: list[str] = []
    room = MAX_OUTPUT
    for part in template.generate(dict(context)):
        room -= len(part)
        if room < 0:
            raise TemplateError(f"The template makes more than {MAX_OUTPUT:,} characters.", code="template_too_long")
        parts.append(part)
    return "".join(parts)


def _vet(node: nodes.Node, *, depth: int) -> None:
    if not isinstance(node, _NODES):
        raise TemplateError(f"A template may not use {type(node).__name__} (line {node.lineno}).")
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
        raise TemplateError(f"A template may call nothing but range (line {node.lineno}).")
    if isinstance(node, nodes.For):
        depth += 1
        if node.recursive or depth > MAX_LOOP_DEPTH:
            raise TemplateError(f"Loops may be {MAX_LOOP_DEPTH} deep and not recursive (line {node.lineno}).")
        # Whatever is looped over, only its first items are.
        node.iter = nodes.Filter(node.iter, "turns", [], [], None, None, lineno=node.lineno)
    for child in node.iter_child_nodes():
        _vet(child, depth=depth)


class _Environment(ImmutableSandboxedEnvironment):
    """Values are JSON: a name after a dot is a key, never a Python attribute."""

    intercepted_binops = frozenset({"+", "-", "*", "/"})
    intercepted_unops = frozenset({"-"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A mapping's key or a loop's counter."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in _LOOP_NAMES:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A mapping's key or a list's item."""
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, (list, tuple)) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Filters that look up attributes find none."""
        del obj, attr, value
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """Only our own range."""
        return obj is _range

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers; `+` or `*` on text would grow without bound."""
        result = super().call_binop(context, operator, _number(left), _number(right))
        return _number(result)

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        """A sign before a number."""
        return super().call_unop(context, operator, _number(arg))


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _MAX_NUMBER:
        raise TemplateError("Arithmetic in a template takes numbers of sensible size only.")
    return value


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise TemplateError(f"A range may have {MAX_RANGE} numbers.")
    return numbers


def _first_items(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = list(value)
    if not isinstance(value, (list, tuple, range)):
        raise TemplateError("A loop goes over a list.")
    return value[:MAX_ITEMS]


def _turns(value: Any) -> Any:
    items = _first_items(value)
    work = _work_left.get()
    work[0] -= len(items) * work[1]
    if work[0] < 0:
        raise TemplateError("The template's loops take too many turns.", code="template_too_long")
    return items


def _default(value: Any, default: Any = "") -> Any:
    return default if isinstance(value, StrictUndefined) or value is None else value


def _join(value: Any, separator: str = "") -> Any:
    items = [str(item) if not isinstance(item, Markup) else item for item in _first_items(value)]
    if sum(map(len, items)) + len(separator) * len(items) > MAX_OUTPUT:
        raise TemplateError("Joined text is too long.", code="template_too_long")
    if any(isinstance(item, Markup) for item in items):
        return escape(separator).join(items)
    return str(separator).join(items)


def _truncate(value: Any, size: int = 200) -> str:
    words = str(value)
    return words if len(words) <= size else words[: max(0, int(size) - 1)] + "…"


def _duration(seconds: Any) -> str:
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size:
            rest = whole % size // {86_400: 3_600, 3_600: 60, 60: 1}[size]
            return f"{whole // size} {unit}" + (f" {rest} { {'d': 'h', 'h': 'min', 'min': 's'}[unit] }" if rest else "")
    return f"{whole} s"


def _moment(value: Any) -> str:
    return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M} UTC"


def _round(value: Any, digits: int = 0) -> str:
    return f"{float(value):.{max(0, min(int(digits), 12))}f}"


_FILTERS: dict[str, Callable[..., Any]] = {
    "turns": _turns,
    "default": _default,
    "join": _join,
    "truncate": _truncate,
    "duration": _duration,
    "moment": _moment,
    "round": _round,
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "capitalize": lambda value: str(value)[:1].upper() + str(value)[1:],
    "trim": lambda value: str(value).strip(),
    "length": len,
    "e": escape,
    "escape": escape,
}
_TESTS = ("defined", "undefined", "none", "number", "string", "mapping", "eq", "ne", "lt", "le", "gt", "ge", "in")


def _environment(*, html: bool) -> _Environment:
    made = _Environment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    made.globals = {"range": _range}
    made.filters = dict(_FILTERS)
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENTS = {html: _environment(html=html) for html in (False, True)}
