"""How delivery is doing, for the health page."""

from typing import TYPE_CHECKING

from apps.core import clock
from apps.core.health import Health
from apps.core.later import later
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.selectors import channels_in_use, oldest_due_s

if TYPE_CHECKING:
    from apps.notifications.services import channels
else:
    channels = later("apps.notifications.services.channels")

LATE_S = 30.0
VERY_LATE_S = 300.0


def deliveries_probe() -> Health:
    """Late when something due is not being sent."""
    waited_s = oldest_due_s(now=clock.wall_now())
    details = {"oldest_due_s": round(waited_s, 1)}
    if waited_s > LATE_S:
        state = "unhealthy" if waited_s > VERY_LATE_S else "degraded"
        return Health(state, f"A delivery has been due for {waited_s:.0f} s.", details)  # type: ignore[arg-type]
    return Health("healthy", details=details)


def channels_probe() -> Health:
    """Degraded where a channel that endpoints use is switched off; told, but well, where nobody uses it."""
    off = channels.channels_off()
    details = {name: off.get(name, "on") for name in CHANNELS.names()}
    missed = sorted(set(off) & channels_in_use())
    if missed:
        return Health("degraded", " ".join(off[name] for name in missed), details)
    return Health("healthy", details=details)
