"""Words to text, in a sandbox: names, filters, ifs and loops over JSON values, and nothing else.

A template is somebody's text, so it is treated as hostile: its syntax tree may hold only the nodes listed here, values
have no attributes but their keys, arithmetic takes numbers only, loops, output and time are bounded."""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import StrictUndefined, Template, meta, nodes
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from apps.notifications.exceptions import TemplateError
from apps.notifications.templating.filters import FILTERS, OUTPUT_MAX, first_items, reading
from apps.notifications.templating.inherit import Load, flatten
from apps.notifications.templating.locales import FALLBACK, Reader, reader_of

MAX_SOURCE = 20_000
MAX_RANGE = 100
MAX_LOOP_DEPTH = 2
# Turns of all loops together times the template's length: what a rendering may cost whatever it prints.
MAX_WORK = 5_000_000
# Of this thread's processor time, so that a busy machine makes no message fail.
MAX_SECONDS = 1.0
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


@dataclass(slots=True)
class _Budget:
    """What is left of one rendering; `turn` is the cost of one turn of a loop."""

    work: int
    turn: int
    until: float

    def spend(self, turns: int) -> None:
        """Take the turns; TemplateError where they or the time are used up."""
        self.work -= turns * self.turn
        if self.work < 0:
            raise TemplateError("The template's loops take too many turns.", code="template_too_long")
        if time.thread_time() > self.until:
            raise TemplateError("The template takes too long.", code="template_too_long")


_budget: ContextVar[_Budget] = ContextVar("budget of this rendering")


@dataclass(frozen=True, slots=True)
class Compiled:
    """Words ready to be filled. `names` are what they take from the message, `uses` the templates they refer to."""

    template: Template
    size: int
    names: frozenset[str]
    uses: frozenset[str]

    def render(self, values: Mapping[str, Any], reader: Reader | None = None) -> str:
        """The text. Raises TemplateError for a missing name, too much output, too many turns, too long a time."""
        budget = _Budget(MAX_WORK, self.size, time.thread_time() + MAX_SECONDS)
        token = _budget.set(budget)
        try:
            with reading(reader or reader_of(FALLBACK)):
                return _guarded(lambda: self._bounded(values, budget))
        finally:
            _budget.reset(token)

    def _bounded(self, values: Mapping[str, Any], budget: _Budget) -> str:
        parts: list[str] = []
        room = OUTPUT_MAX
        for part in self.template.generate(dict(values)):
            room -= len(part)
            if room < 0:
                raise TemplateError(
                    f"The template makes more than {OUTPUT_MAX:,} characters.", code="template_too_long"
                )
            parts.append(part)
        budget.spend(0)
        return "".join(parts)


def no_others(name: str) -> str:
    """The `load` of words that stand alone."""
    raise TemplateError(f"There is no template {name!r} to refer to.", code="template_missing")


def compiled(source: str, *, html: bool = False, load: Load = no_others) -> Compiled:
    """`source` ready to be filled; with `html` every value is escaped where it is put in.

    Raises TemplateError for anything that could never be rendered: syntax, a forbidden construct, a bad reference."""
    environment = _ENVIRONMENTS[html]

    def build() -> Compiled:
        flat = flatten(source, parse=lambda text: _parsed(environment, text), load=load)
        _vet(flat.tree, depth=0)
        flat.tree.set_environment(environment)
        names = frozenset(meta.find_undeclared_variables(flat.tree)) - environment.globals.keys()
        return Compiled(environment.from_string(flat.tree), max(1, flat.size), names, flat.names)

    return _guarded(build)


def _parsed(environment: "_Environment", source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"The template has {len(source):,} characters, at most {MAX_SOURCE:,} are allowed.")
    return environment.parse(source)


def _guarded(work: Callable[[], T]) -> T:
    """What `work` returns; everything a hostile or wrong template can raise comes out as a TemplateError."""
    try:
        return work()
    except TemplateError:
        raise
    except _ITS_FAULT as error:
        raise TemplateError(f"The template can't be rendered: {error}") from error


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


def _turns(value: Any) -> Any:
    items = first_items(value)
    _budget.get().spend(len(items))
    return items


_TESTS = ("defined", "undefined", "none", "number", "string", "mapping", "eq", "ne", "lt", "le", "gt", "ge", "in")


def _environment(*, html: bool) -> _Environment:
    made = _Environment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    made.globals = {"range": _range}
    made.filters = {**FILTERS, "turns": _turns}
    if not html:
        # Plain words are escaped as a whole where a channel takes HTML, and nowhere else.
        made.filters |= {"e": str, "escape": str}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENTS = {html: _environment(html=html) for html in (False, True)}
