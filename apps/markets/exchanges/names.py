"""Which exchange ids the installed ccxt knows, told without importing it (that costs seconds and 100 MB)."""

import difflib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Final

# Ids that people know from older ccxt releases.
DROPPED: Final = {
    name: f'ccxt dropped "{name}"; take it out of EXCHANGES' for name in ("bitmex", "bitmart", "coinex", "ascendex")
}


@cache
def known() -> frozenset[str]:
    """Every id of the installed ccxt: each has a module of its name."""
    spec = importlib.util.find_spec("ccxt")
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    return frozenset(path.stem for folder in folders for path in Path(folder).glob("[!_]*.py"))


def problem(exchange: str) -> str:
    """Why this id can't be used, in words with what to do; "" where it can."""
    if exchange in known():
        return ""
    if exchange in DROPPED:
        return DROPPED[exchange]
    close = difflib.get_close_matches(exchange, known(), n=1)
    hint = f'did you mean "{close[0]}"?' if close else "correct EXCHANGES or take it out"
    return f'"{exchange}" is not among the {len(known())} exchanges of the installed ccxt; {hint}'
