"""Modules that load when they are first used, for libraries that cost more to load than most processes need of them."""

import importlib
from types import ModuleType
from typing import Any


def later(name: str) -> Any:
    """A stand-in for module `name`, which is imported with the first attribute that is asked of it.

    For module level, beside an ordinary import under TYPE_CHECKING. Safe across threads: the import system's own locks
    hold. A missing module is told at the first use."""
    return _Later(name)


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value
