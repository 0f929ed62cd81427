"""Proving who one is: address, password, second factor; and how often that may be tried."""

import hashlib
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password

from apps.accounts.exceptions import SignInRefused
from apps.accounts.managers import email_normal
from apps.accounts.models import AccountSession, User
from apps.accounts.selectors import user_by_email
from apps.accounts.services.pacing import forgotten, paced
from apps.accounts.services.two_factor import two_factor_check
from apps.core import audit, caller, limits
from apps.core.exceptions import TemporaryError, ThrottledError
from apps.core.limits import Demand, Limit

# From one place at one account: what a person mistypes. Forgotten when they get in.
_PER_PAIR = (Limit(5, 600), Limit(30, 86_400))
# From one place at all accounts: many people may share an address.
_PER_ADDRESS = (Limit(50, 600), Limit(500, 86_400))
# At one account from all strange places together. Places its owner came from lately don't count here, so that nobody
# can lock a person out by guessing from everywhere.
_PER_ACCOUNT = (Limit(30, 3600), Limit(100, 86_400))
KNOWN_FOR = timedelta(days=30)
_TOLD = (Limit(2, 3600),)
_TOLD_IN_ALL = (Limit(100, 3600),)


def sign_in(*, email: str, password: str, code: str, now: datetime) -> User:
    """Who it is, from wherever the current request comes.

    Raises SignInRefused, and ThrottledError(code="too_many_attempts") before the password is even looked at: that
    says nothing about whether there is such an account."""
    origin = caller.current()
    pair = _pair(email, caller.place_of(origin.address))
    user = user_by_email(email)
    _paced(email, origin.address, user, now=now)
    try:
        found = _proved(user, password)
        two_factor_check(user_id=found.pk, code=code, now=now)
    except SignInRefused as refusal:
        if refusal.code != "second_factor_required":
            _tell(user, email, refusal.code)
        raise
    forgotten(pair)
    audit.record(actor_id=found.pk, action="sign_in.done", target=f"accounts.User:{found.pk}")
    return found


def tries_forget(email: str) -> None:
    """Its owner has shown otherwise who they are: what strangers tried keeps nobody out any more."""
    forgotten(_pair(email, caller.place_of(caller.current().address)))
    forgotten(_account(email))


def _proved(user: User | None, password: str) -> User:
    if user is None:
        # As long as looking at a real one takes.
        make_password(password)
        raise _unknown()
    if not user.check_password(password):
        raise _unknown()
    if not user.is_active:
        raise SignInRefused("This account is not active.", code="account_inactive")
    return user


def _paced(email: str, address: str | None, user: User | None, *, now: datetime) -> None:
    place = caller.place_of(address)
    demands = [Demand(_pair(email, place), _PER_PAIR), Demand(f"accounts:sign-in:from:{place}", _PER_ADDRESS)]
    known = (
        user is not None
        and address is not None
        and AccountSession.objects.filter(user=user, address=address, created_at__gt=now - KNOWN_FOR).exists()
    )
    if not known:
        demands.append(Demand(_account(email), _PER_ACCOUNT))
    try:
        paced(demands, "Too many tries; wait, or set a new password by mail.")
    except ThrottledError:
        if user is not None:
            _tell(user, email, "too_many_attempts")
        raise


def _tell(user: User | None, email: str, why: str) -> None:
    """A record of a failure, at most two an hour and account and a hundred in all: guessing must not flood the trail.
    The address that was typed is not kept; it may have been a password."""
    demands = [Demand(f"accounts:sign-in:told:{_hidden(email)}", _TOLD), Demand("accounts:sign-in:told", _TOLD_IN_ALL)]
    try:
        [wait_s] = limits.acquire([demands])
    except TemporaryError:
        return
    if wait_s <= 0:
        target = f"accounts.User:{user.pk if user else 'unknown'}"
        audit.record(actor_id=None, action="sign_in.refused", target=target, changes={"why": why})


def _pair(email: str, place: str) -> str:
    return f"accounts:sign-in:{_hidden(email)}:{place}"


def _account(email: str) -> str:
    return f"accounts:sign-in:to:{_hidden(email)}"


def _hidden(email: str) -> str:
    return hashlib.sha256(email_normal(email).encode()).hexdigest()[:24]


def _unknown() -> SignInRefused:
    return SignInRefused("Address and password don't fit.", code="credentials_wrong")
