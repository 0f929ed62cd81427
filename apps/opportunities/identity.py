"""Who an opportunity is: a fingerprint for the edge itself, an id for this episode of it."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

NAMESPACE = uuid.UUID("8d4f2a3e-6c1b-5e7a-9b20-4f1c7e5d9a61")


def fingerprint_of(kind: str, instrument: str, legs: Sequence[tuple[str, str, str]], *, rule: str = "") -> str:
    """sha256 of kind, instrument, the legs (exchange, symbol, side) in their order, and the rule of a signal."""
    parts = [kind, instrument, *(part for leg in legs for part in leg), *([rule] if rule else [])]
    # The length of each part is part of the text, so no two lists of parts can read alike.
    text = "|".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def opportunity_id_of(fingerprint: str, opened_at: datetime) -> uuid.UUID:
    """UUIDv5 of the fingerprint and the (aware) moment of opening."""
    return uuid.uuid5(NAMESPACE, f"{fingerprint}:{opened_at.astimezone(UTC).isoformat()}")
