"""Lua scripts that live beside their module and run atomically inside Redis."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.core import redis


class Script:
    """One script, sent by its digest; its text follows only to a server that does not know it (a restarted one)."""

    def __init__(self, text: str) -> None:
        self._text = text
        # Redis names scripts by SHA-1; nothing is secured by it.
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def beside(cls, module_file: str, name: str) -> "Script":
        """The script in file `name` next to a module's `__file__`."""
        return cls(Path(module_file).with_name(name).read_text(encoding="utf-8"))

    def run(self, keys: Sequence[str], *args: bytes | str | int, client: "redis.Client | None" = None) -> Any:
        """Its answer from the state store, or from `client`; raises redis.Error when that is away."""
        client = client or redis.state()
        try:
            return client.evalsha(self._digest, len(keys), *keys, *args)
        except redis.NoScriptError:
            return client.eval(self._text, len(keys), *keys, *args)
