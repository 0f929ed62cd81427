"""Tables of plug-ins: a name and a dotted path per row, imported when first asked for."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar

from django.utils.module_loading import import_string

from apps.core.exceptions import OperatorError

T = TypeVar("T")
_all: list["Registry[object]"] = []


class Registry(Generic[T]):
    """Plug-ins of one kind; the system checks `core.E001` and `core.E003` verify the rows."""

    def __init__(self, kind: str, base: str, rows: Mapping[str, str]) -> None:
        """`base` is a dotted path too: a table is read by every process, and most of them use no plug-in."""
        self.kind = kind
        self._base = base
        self._rows = dict(rows)
        self._loaded: dict[str, type[T]] = {}
        _all.append(self)  # type: ignore[arg-type]

    def names(self) -> tuple[str, ...]:
        """The known names, in the table's order."""
        return tuple(self._rows)

    def get(self, name: str) -> type[T]:
        """The class registered under `name`; raises OperatorError naming the known ones, or what failed to import."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def missing(self) -> list[str]:
        """Rows whose module or class is not there, in words; imports none of them, so it costs next to nothing."""
        return [
            f"{self.kind} {name!r}: {path} is not there: {problem}"
            for name, path in self._rows.items()
            if (problem := _missing(path))
        ]

    def problems(self) -> list[str]:
        """What is wrong with the table's rows, in words; importing all of them."""
        found = []
        for name in self._rows:
            try:
                self.get(name)
            except OperatorError as error:
                found.append(error.message)
        return found

    def _load(self, name: str) -> type[T]:
        path = self._rows.get(name)
        if path is None:
            known = ", ".join(self._rows) or "none"
            raise OperatorError(f"Unknown {self.kind} {name!r}; known: {known}.", code="unknown_plugin")
        try:
            loaded = import_string(path)
        except ImportError as error:
            raise OperatorError(f"{self.kind} {name!r}: {path} does not import: {error}", code="bad_plugin") from error
        base: type[T] = import_string(self._base)
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise OperatorError(f"{self.kind} {name!r}: {path} is no {base.__name__}.", code="bad_plugin")
        return loaded


def _missing(path: str) -> str:
    module, _, name = path.rpartition(".")
    try:
        spec = find_spec(module)
    except ModuleNotFoundError as error:
        return str(error)
    if spec is None:
        return f"no module {module}"
    if not spec.has_location or spec.origin is None:
        return ""
    source = Path(spec.origin).read_text(encoding="utf-8")
    return "" if re.search(rf"^class {name}\b", source, re.MULTILINE) else f"no class {name} in {module}"


def registries() -> tuple["Registry[object]", ...]:
    """Every registry made so far in this process."""
    return tuple(_all)
