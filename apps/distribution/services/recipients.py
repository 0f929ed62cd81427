"""Who may be told at all: people whose account is active, and the groups that such people have registered."""

from apps.accounts.selectors import policy_of, tier_policy, users_standing
from apps.accounts.types import TierPolicy
from apps.distribution.models import Group
from apps.distribution.rules import group_policy, weight_of
from apps.distribution.types import Active, Recipient


def recipients(groups: list[Group]) -> list[Recipient]:
    """Everybody, in no order. Policies are read once for each tier and role."""
    policies: dict[tuple[str, str], tuple[TierPolicy, int | None]] = {}
    found = []
    for id, tier, role, joined_at, active_at in users_standing():
        if (tier, role) not in policies:
            policy = policy_of(tier, role)
            policies[tier, role] = (policy, weight_of(policy))
        found.append(Recipient(id, id, *policies[tier, role], joined_at, active_at))
    people = {person.id: person for person in found}
    of_groups = group_policy(tier_policy("free"))
    weight = weight_of(of_groups)
    for group in groups:
        owner = people.get(group.owner_id)
        if owner is not None:
            found.append(
                Recipient(
                    id=group.endpoint_id,
                    user_id=owner.id,
                    policy=of_groups,
                    weight=weight,
                    joined_at=group.created_at,
                    active_at=owner.active_at,
                    group_id=group.pk,
                )
            )
    return found


def wanted_by(group: Group, one: Active) -> bool:
    """Whether it is what the group was registered for. Minimum edges judge edges, minimum strengths signals."""
    return (
        (not group.kinds or one.kind in group.kinds)
        and (group.min_net_edge is None or one.net_edge is None or one.net_edge >= group.min_net_edge)
        and (group.min_strength is None or one.strength is None or one.strength >= group.min_strength)
    )
