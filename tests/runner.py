"""Runs the benchmarks or drills of a package and prints one JSON line per figure."""

import importlib
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def modules(package: ModuleType) -> Iterator[str]:
    """Names of the modules that measure something (they have `figures`), in order."""
    for info in pkgutil.iter_modules(package.__path__):
        spec = importlib.util.find_spec(f"{package.__name__}.{info.name}")
        assert spec is not None
        assert spec.origin is not None
        if "\ndef figures(" in Path(spec.origin).read_text():
            yield info.name


def run(package: ModuleType, only: list[str]) -> int:
    """Run each module's `figures()`; exit status 1 if a figure says that it is not `ok`."""
    names = list(modules(package))
    unknown = sorted(set(only) - set(names))
    if unknown:
        print(f"No such measurement: {', '.join(unknown)}. There are: {', '.join(names)}.", file=sys.stderr)
        return 2
    failed = False
    for name in only or names:
        for figure in importlib.import_module(f"{package.__name__}.{name}").figures():
            failed |= figure.get("ok") is False
            print(json.dumps(figure), flush=True)
    return int(failed)
