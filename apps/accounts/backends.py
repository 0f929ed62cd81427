"""How Django's admin asks for permissions: its own groups and rights, except for what our table keeps to a role."""

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied

from apps.accounts.selectors import allowed

# Django's models whose rows give rights or steer the system, and our permission for writing them.
_KEPT: Final = {"core.configvalue": "admin.config", "auth.group": "admin.roles"}
_WRITES: Final = ("add", "change", "delete")
KEPT_PERMISSIONS: Final = {
    f"{model.replace('.', f'.{verb}_')}": permission for model, permission in _KEPT.items() for verb in _WRITES
}


class HouseBackend(ModelBackend):
    """Passwords and rights as Django has them; nobody gets through a group what the table keeps to a role."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """PermissionDenied ends the question for all other backends as well."""
        kept = KEPT_PERMISSIONS.get(perm)
        if kept is not None and not allowed(user_obj, kept):
            raise PermissionDenied
        return super().has_perm(user_obj, perm, obj)
