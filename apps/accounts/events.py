"""News of this room that another process works on."""

from dataclasses import dataclass

from apps.core.events import Event


@dataclass(frozen=True, slots=True)
class RecoveryAsked(Event):
    """Somebody asked to set a new password: letters may have to be written."""
