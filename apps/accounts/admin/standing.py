"""Whose account an operator may act in."""

from django.http import HttpRequest

from apps.accounts.grants import OPERATORS
from apps.accounts.models import User
from apps.accounts.selectors import allowed, level_of


def may_stand_for(request: HttpRequest, owner: User) -> bool:
    """Whether the request's operator may have what opens `owner`'s account.

    Whoever could change another operator's address or password, or make a token in their name, could become them: that
    is for those alone who may give roles."""
    plain = not (owner.is_staff or level_of(owner) in OPERATORS)
    return plain or owner == request.user or allowed(request.user, "admin.roles")
