"""A key of the operator's for market data that an exchange tells to holders of a key only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# What exchanges ask for, in ccxt's words.
FIELDS: Final = frozenset({"apiKey", "secret", "password", "uid", "privateKey", "walletAddress", "token"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """The fields that sign a call (`FIELDS`); never shown."""

    fields: Mapping[str, str] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Sixteen characters by which another key is told from this one, and nothing else."""
        text = "\0".join(f"{name}\0{value}" for name, value in sorted(self.fields.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
