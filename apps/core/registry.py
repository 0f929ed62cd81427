"""Tables of plug-ins: a name and a dotted path per row, imported when first asked for."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from django.utils.module_loading import import_string

from apps.core.exceptions import OperatorError

T = TypeVar("T")
_all: list["Registry[object]"] = []


class Registry(Generic[T]):
    """Plug-ins of one kind; the system check `core.E001` verifies that every row imports and subclasses `base`."""

    def __init__(self, kind: str, base: type[T], rows: Mapping[str, str]) -> None:
        self.kind = kind
        self.base = base
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
        if not (isinstance(loaded, type) and issubclass(loaded, self.base)):
            raise OperatorError(f"{self.kind} {name!r}: {path} is no {self.base.__name__}.", code="bad_plugin")
        return loaded


def registries() -> tuple["Registry[object]", ...]:
    """Every registry made so far in this process."""
    return tuple(_all)
