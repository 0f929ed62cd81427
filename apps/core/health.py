"""How each part is: probes registered by the rooms, asked all together."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

logger = logging.getLogger(__name__)

HealthState = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Health:
    """A part's state, the reason in words where it is not well, and figures."""

    state: HealthState
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


_probes: dict[str, Callable[[], Health]] = {}


def register(name: str, probe: Callable[[], Health]) -> None:
    """Ask `probe` under `name`; it keeps its own time-outs. Registering a name again replaces its probe."""
    _probes[name] = probe


def check_all() -> dict[str, Health]:
    """Every probe's answer; one that raises is unhealthy, with the error's type as reason (texts may hold secrets)."""
    return {name: _ask(name, probe) for name, probe in _probes.items()}


def _ask(name: str, probe: Callable[[], Health]) -> Health:
    try:
        return probe()
    except Exception as error:
        logger.exception("Health probe %s failed", name)
        return Health("unhealthy", reason=f"probe failed: {type(error).__name__}")
