"""How much may be done for somebody without asking: what they chose, bounded by what their tier opens."""

from typing import TYPE_CHECKING, Final

from apps.accounts.selectors import allowed, permission_require
from apps.opportunities.enums import Automation

if TYPE_CHECKING:
    from apps.accounts.models import User

# Choosing to do everything by hand needs no right; trading by hand does.
_PERMISSIONS: Final = {
    Automation.SEMI_AUTOMATIC: "trading.semi_automatic",
    Automation.AUTOMATIC: "trading.automatic",
}


def automation_require(user: "User", chosen: str) -> None:
    """Raises RightMissing, which names the tier, where `user` may not choose this."""
    permission = _PERMISSIONS.get(Automation(chosen))
    if permission is not None:
        permission_require(user, permission)


def automation_counting(user: "User", chosen: str) -> Automation:
    """What counts now of a choice made before: the most up to it that the tier opens. It falls with the tier, and rises
    with it again."""
    upto = list(Automation)[: list(Automation).index(Automation(chosen)) + 1]
    opened = [one for one in upto if one not in _PERMISSIONS or allowed(user, _PERMISSIONS[one])]
    return opened[-1]
