"""What a request may do: every view names a permission, and `selectors.allowed` answers for all of them."""

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.auth import scope_held
from apps.accounts.exceptions import RightMissing
from apps.accounts.grants import GRANTS, for_operators
from apps.accounts.models import User
from apps.accounts.scopes import Scope
from apps.accounts.selectors import permission_require


class RightDenied(PermissionDenied):
    """403 that names what would be needed; `extra` are the members that the problem has for it."""

    def __init__(self, missing: RightMissing) -> None:
        super().__init__(missing.message, code=missing.code)
        self.extra = missing.required


def needs(permission: str) -> type[BasePermission]:
    """A permission class that lets in who has `permission` (a name of `grants.GRANTS`, asked for each request).

    Others are answered 403 with the tier or role that they need; requests without credentials 401."""
    if permission not in GRANTS:
        raise KeyError(permission)

    class Needs(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            if not isinstance(request.user, User):
                return False
            right_require(request, permission)
            return True

    return Needs


def right_require(request: Request, permission: str) -> None:
    """For views in which only some requests need it: RightDenied (403) unless the caller has `permission`, ScopeDenied
    where it is an operator's and the credential is not meant for administering."""
    try:
        permission_require(caller(request), permission)
    except RightMissing as error:
        raise RightDenied(error) from error
    if for_operators(permission):
        scope_held(request, Scope.ADMIN)


def caller(request: Request) -> User:
    """Who asks, in views that let in signed-in users only."""
    assert isinstance(request.user, User)
    return request.user
