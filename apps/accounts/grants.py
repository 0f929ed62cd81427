"""What is permitted to whom: one table of permissions by name, each a runtime setting `grant.<name>`.

A level is a tier or, above all tiers, a role: whoever stands at a level has what every level below opens."""

from dataclasses import dataclass
from typing import Final

from apps.accounts.enums import Role, Tier
from apps.core import config
from apps.core.exceptions import OperatorError

TIERS: Final = tuple(tier.value for tier in Tier)
OPERATORS: Final = (Role.ADMIN.value, Role.SUPER_ADMIN.value)
# Lowest first.
LEVELS: Final = (*TIERS, *OPERATORS)
_SUPER: Final = (Role.SUPER_ADMIN.value,)


@dataclass(frozen=True, slots=True)
class Grant:
    """From which level on something is permitted; `choices` are the levels that an operator may choose instead."""

    level: str
    words: str
    choices: tuple[str, ...] = LEVELS


# What operators do can't be opened to customers by a slip; who makes operators, and what steers the system, can't be
# opened to more than those who do.
GRANTS: Final = {
    "opportunities.paper": Grant("free", "Execute opportunities on paper."),
    "opportunities.scan": Grant("basic", "Scan the whole market on request; correlations."),
    "opportunities.rules": Grant("basic", "Have technical rules of one's own."),
    "opportunities.premium": Grant("premium", "See the premium picks."),
    "trading.manual": Grant("basic", "Trade by hand."),
    "trading.semi_automatic": Grant("premium", "Trade with a confirmation each."),
    "trading.automatic": Grant("enterprise", "Trade without being asked."),
    "ai.view": Grant("free", "Read what the AI says of an opportunity."),
    "ai.analyze": Grant("basic", "Ask the AI about global opportunities."),
    "ai.own_keys": Grant("premium", "Use one's own AI keys."),
    "ai.own_templates": Grant("premium", "Use one's own AI templates."),
    "analytics.own": Grant("free", "One's own analytics."),
    "analytics.dashboard": Grant("enterprise", "The analytics dashboard."),
    "analytics.users": Grant("enterprise", "Analytics of users."),
    "analytics.performance": Grant("enterprise", "Analytics of performance."),
    "analytics.system": Grant("admin", "Analytics of the system.", OPERATORS),
    "admin.users": Grant("admin", "Look after accounts.", OPERATORS),
    "admin.invitations": Grant("admin", "Issue and revoke invitations.", OPERATORS),
    "admin.opportunities": Grant("admin", "Statistics over everybody's opportunities.", OPERATORS),
    "admin.audit": Grant("admin", "Read the audit trail.", OPERATORS),
    "admin.config_view": Grant("admin", "Read the system's configuration.", OPERATORS),
    "admin.templates": Grant("admin", "Write the templates of messages.", OPERATORS),
    "admin.roles": Grant("super_admin", "Give and take roles and rights.", _SUPER),
    "admin.config": Grant("super_admin", "Change the system's configuration.", _SUPER),
    "admin.operator_keys": Grant("super_admin", "Handle the operator's own keys.", _SUPER),
}


def declare_grants() -> None:
    """Make the level of every permission a runtime setting; those with one possible level stay as they are."""
    for name, grant in GRANTS.items():
        if len(grant.choices) > 1:
            config.declare(
                f"grant.{name}", str, grant.level, choices=grant.choices, help=f"{grant.words} From which level on."
            )


def level_needed(permission: str) -> str:
    """The lowest level that has `permission` now. OperatorError where there is no such permission."""
    grant = GRANTS.get(permission)
    if grant is None:
        raise OperatorError(f"There is no permission {permission!r}.", code="permission_unknown")
    level: str = config.get(f"grant.{permission}") if len(grant.choices) > 1 else grant.level
    return level


def for_operators(permission: str) -> bool:
    """Whether no customer can ever have it."""
    return GRANTS[permission].choices[0] in OPERATORS


def level_rank(level: str) -> int:
    """Position in the order, 0 for the lowest."""
    return LEVELS.index(level)
