"""Every write of the distribution room."""

from apps.distribution.services.groups import group_change, group_create, group_remove
from apps.distribution.services.prune import prune
from apps.distribution.services.running import run

__all__ = ["group_change", "group_create", "group_remove", "prune", "run"]
