"""Inheritance and blocks, resolved before anything runs: one flat tree of plain output, ifs and loops comes out.

`{% extends "layout" %}` puts this template's blocks into the layout's, `{{ super() }}` says what the layout had there,
`{% include "legs" %}` puts another template's words in place. Names are constants, so nothing that a message carries
can choose what is read; what refers to itself, nests too deeply or grows too large is refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from jinja2 import nodes

from apps.notifications.exceptions import TemplateError

DEPTH_MAX = 5
# All sources that are put in place of a reference, counted each time.
EXPANDED_MAX = 60_000
# What a node of a copied block counts for besides the text in it: about what it takes to write one.
NODE_SIZE = 4

Node = TypeVar("Node", bound=nodes.Node)
Load = Callable[[str], str]
Parse = Callable[[str], nodes.Template]


@dataclass(slots=True)
class Flattened:
    """What came of it: the tree, the characters of all sources in it, and the names that were read."""

    tree: nodes.Template
    size: int
    names: frozenset[str]


def flatten(source: str, *, parse: Parse, load: Load) -> Flattened:
    """`source` with every reference resolved; `load` gives the source behind a name or raises TemplateError."""
    work = _Work(parse, load)
    body = work.opened(source, trail=())
    return Flattened(nodes.Template(body, lineno=1), work.size, frozenset(work.names))


@dataclass(slots=True)
class _Work:
    parse: Parse
    load: Load
    size: int = 0
    names: set[str] = field(default_factory=set)

    def opened(self, source: str, trail: tuple[str, ...]) -> list[nodes.Node]:
        """The statements of `source`; `trail` are the names on the way to it."""
        tree = self._parsed(source)
        chain: dict[str, list[list[nodes.Node]]] = {}
        while (parent := _parent_of(tree)) is not None:
            _only_blocks(tree, parent)
            self._collect(tree, chain)
            trail = self._step(trail, parent)
            tree = self._parsed(self.load(parent))
        self._collect(tree, chain)
        return self._statements(tree.body, chain, trail, ())

    def _parsed(self, source: str) -> nodes.Template:
        self._grow(len(source))
        return self.parse(source)

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > EXPANDED_MAX:
            raise TemplateError(
                f"With all its blocks the template has more than {EXPANDED_MAX:,} characters.", code="template_too_long"
            )

    def _step(self, trail: tuple[str, ...], name: str) -> tuple[str, ...]:
        if name in trail:
            raise TemplateError(f"The template {name!r} refers to itself: {' → '.join((*trail, name))}.")
        if len(trail) >= DEPTH_MAX:
            raise TemplateError(f"Templates may refer to each other {DEPTH_MAX} deep: {' → '.join((*trail, name))}.")
        self.names.add(name)
        return (*trail, name)

    def _collect(self, tree: nodes.Template, chain: dict[str, list[list[nodes.Node]]]) -> None:
        seen: set[str] = set()
        for block in tree.find_all(nodes.Block):
            if block.name in seen:
                raise TemplateError(f"The block {block.name!r} is there twice (line {block.lineno}).")
            seen.add(block.name)
            chain.setdefault(block.name, []).append(block.body)

    def _statements(
        self,
        body: Sequence[nodes.Node],
        chain: Mapping[str, list[list[nodes.Node]]],
        trail: tuple[str, ...],
        inside: tuple[tuple[str, int], ...],
    ) -> list[nodes.Node]:
        """`body` without a reference in it. `inside` are the blocks around it, each with its place in its chain."""
        found: list[nodes.Node] = []
        for node in body:
            if isinstance(node, nodes.Block):
                found += self._block(node.name, 0, chain, trail, inside)
            elif isinstance(node, nodes.Include):
                name = _constant(node.template, "include")
                found += self.opened(self.load(name), self._step(trail, name))
            elif isinstance(node, nodes.Output):
                found += self._output(node, chain, trail, inside)
            else:
                for attribute in ("body", "elif_", "else_"):
                    inner = getattr(node, attribute, None)
                    if isinstance(inner, list):
                        setattr(node, attribute, self._statements(inner, chain, trail, inside))
                found.append(node)
        return found

    def _block(
        self,
        name: str,
        place: int,
        chain: Mapping[str, list[list[nodes.Node]]],
        trail: tuple[str, ...],
        inside: tuple[tuple[str, int], ...],
    ) -> list[nodes.Node]:
        if (name, place) in inside:
            raise TemplateError(f"The block {name!r} is inside itself.")
        if len(inside) >= DEPTH_MAX * 2:
            raise TemplateError("Blocks nest too deeply.")
        # A block can be put in place many times, by as many super(): each time it is a tree of its own, and counts.
        copied = [self._copied(node) for node in chain[name][place]]
        return self._statements(copied, chain, trail, (*inside, (name, place)))

    def _copied(self, node: Node) -> Node:
        self._grow(len(node.data) if isinstance(node, nodes.TemplateData) else NODE_SIZE)
        made: Node = object.__new__(type(node))
        for name in (*node.fields, *node.attributes):
            value = getattr(node, name)
            if isinstance(value, nodes.Node):
                value = self._copied(value)
            elif isinstance(value, list):
                value = [self._copied(one) if isinstance(one, nodes.Node) else one for one in value]
            setattr(made, name, value)
        return made

    def _output(
        self,
        node: nodes.Output,
        chain: Mapping[str, list[list[nodes.Node]]],
        trail: tuple[str, ...],
        inside: tuple[tuple[str, int], ...],
    ) -> list[nodes.Node]:
        """The output, with what stands for `super()` in its place."""
        found: list[nodes.Node] = []
        for is_super, run in groupby(node.nodes, key=_is_super):
            if not is_super:
                found.append(nodes.Output(list(run), lineno=node.lineno))
                continue
            if not inside:
                raise TemplateError(f"super() is for blocks (line {node.lineno}).")
            name, place = inside[-1]
            if place + 1 < len(chain[name]):
                found += [one for _ in run for one in self._block(name, place + 1, chain, trail, inside)]
        return found


def _parent_of(tree: nodes.Template) -> str | None:
    parents = list(tree.find_all(nodes.Extends))
    if len(parents) > 1:
        raise TemplateError("A template extends one other.")
    return _constant(parents[0].template, "extends") if parents else None


def _only_blocks(tree: nodes.Template, parent: str) -> None:
    for node in tree.body:
        blank = isinstance(node, nodes.Output) and all(
            isinstance(one, nodes.TemplateData) and not one.data.strip() for one in node.nodes
        )
        if not blank and not isinstance(node, (nodes.Extends, nodes.Block)):
            raise TemplateError(
                f"It extends {parent!r}, so everything stands in its blocks; line {node.lineno} would never be shown."
            )


def _constant(node: nodes.Expr, word: str) -> str:
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        raise TemplateError(f"{word} takes the name of one template in quotes (line {node.lineno}).")
    return node.value


def _is_super(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "super"
        and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    )
