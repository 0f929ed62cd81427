"""Signing in and out, passwords, the second factor and recovery."""

from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.accounts.api import auth_forms as forms
from apps.accounts.api import auth_schema as schema
from apps.accounts.auth import KEYWORD
from apps.accounts.exceptions import SignInRefused
from apps.accounts.models import AccountSession, SessionKind, User
from apps.accounts.permissions import caller
from apps.accounts.selectors.sessions import has_second_factor, recovery_codes_left
from apps.core.api.origin import OriginHeaderMixin
from apps.core.clock import wall_now
from apps.core.exceptions import PermanentError
from apps.core.later import later

if TYPE_CHECKING:
    from apps.accounts.services import passwords, sessions, two_factor
    from apps.accounts.services import sign_in as door
else:
    passwords = later("apps.accounts.services.passwords")
    sessions = later("apps.accounts.services.sessions")
    two_factor = later("apps.accounts.services.two_factor")
    door = later("apps.accounts.services.sign_in")


class _Open(OriginHeaderMixin, APIView):
    """For who has not signed in yet; what else a request carries is not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """A refused sign-in is a 401."""
        return f'{KEYWORD} realm="ArbEdge API"'


class _Mine(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)


class Login(_Open):
    """The door."""

    @extend_schema(**schema.LOGIN)
    def post(self, request: Request) -> Response:
        """A session, or 401."""
        form = _checked(forms.LoginRequest(data=request.data))
        now = wall_now()
        try:
            user = door.sign_in(now=now, **form)
        except SignInRefused as error:
            raise AuthenticationFailed(error.message, code=error.code) from error
        shown = has_second_factor(user.pk)
        row, text = sessions.session_open(user=user, kind=SessionKind.API, now=now, second_factor=shown)
        made = {"token": text, "session_id": row.pk, "expires_at": row.expires_at}
        return Response(forms.LoginSerializer(made).data, headers={"Cache-Control": "no-store"})


class Logout(_Mine):
    """The way out."""

    @extend_schema(**schema.LOGOUT)
    def post(self, request: Request) -> Response:
        """Ends the session of this request."""
        session = session_required(request)
        sessions.session_end(session_id=session.pk, user_id=session.user_id, now=wall_now(), because="signed_out")
        return _done()


class Password(_Mine):
    """One's password."""

    @extend_schema(**schema.PASSWORD)
    def post(self, request: Request) -> Response:
        """Changed, or why not."""
        session, form = session_required(request), _checked(forms.PasswordRequest(data=request.data))
        try:
            passwords.password_change(user=caller(request), now=wall_now(), keep=session.pk, **form)
        except SignInRefused as error:
            _deny(error)
        except DjangoValidationError as error:
            raise ValidationError({"new": error.messages}) from error
        return _done()


class Recovery(_Open):
    """A forgotten password."""

    @extend_schema(**schema.RECOVERY)
    def post(self, request: Request) -> Response:
        """202, whoever it is."""
        passwords.recovery_ask(email=_checked(forms.RecoveryRequest(data=request.data))["email"], now=wall_now())
        return Response(status=status.HTTP_202_ACCEPTED)


class RecoveryFinish(_Open):
    """The link from the letter."""

    @extend_schema(**schema.RECOVERY_FINISH)
    def post(self, request: Request) -> Response:
        """The new password counts."""
        form = _checked(forms.RecoveryFinishRequest(data=request.data))
        try:
            passwords.recovery_finish(
                text=form["token"], new=form["password"], revoke_tokens=form["revoke_tokens"], now=wall_now()
            )
        except DjangoValidationError as error:
            raise ValidationError({"password": error.messages}) from error
        return _done()


class TwoFactorView(_Mine):
    """One's second factor."""

    @extend_schema(**schema.TWO_FACTOR)
    def get(self, request: Request) -> Response:
        """On or off."""
        user = caller(request)
        told = {
            "enabled": has_second_factor(user.pk),
            "recovery_codes_left": recovery_codes_left(user.pk),
            "required": user.is_staff and settings.REQUIRE_2FA,
        }
        return Response(forms.TwoFactorSerializer(told).data)

    @extend_schema(**schema.TWO_FACTOR_START)
    def post(self, request: Request) -> Response:
        """A new secret; it counts once a code of it was given. Who only has the session could lock its owner out."""
        made = two_factor.two_factor_start(user=proved(request)[0], now=wall_now())
        answer = forms.EnrolmentSerializer(made).data
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class TwoFactorDisable(_Mine):
    """The end of it."""

    @extend_schema(**schema.TWO_FACTOR_END)
    def post(self, request: Request) -> Response:
        """Off."""
        user, _ = proved(request)
        two_factor.two_factor_end(user_id=user.pk, actor_id=user.pk)
        return _done()


class TwoFactorConfirm(_Mine):
    """The first code."""

    @extend_schema(**schema.TWO_FACTOR_CONFIRM)
    def post(self, request: Request) -> Response:
        """On, with codes for paper; other sessions end, since they showed no second factor."""
        session, user, now = session_required(request), caller(request), wall_now()
        code = _checked(forms.AppCodeRequest(data=request.data))["code"]
        try:
            codes = two_factor.two_factor_confirm(user=user, code=code, now=now)
        except SignInRefused as error:
            _deny(error)
        sessions.sessions_end(user_id=user.pk, now=now, because="two_factor_on", actor_id=user.pk, keep=session.pk)
        sessions.session_stands(session_id=session.pk, user=user, second_factor=True)
        return _codes(codes)


class RecoveryCodes(_Mine):
    """Codes for paper."""

    @extend_schema(**schema.RECOVERY_CODES)
    def post(self, request: Request) -> Response:
        """New ones."""
        if not has_second_factor(caller(request).pk):
            raise PermanentError("The second factor is off.", code="no_enrolment")
        return _codes(two_factor.recovery_codes_renew(user_id=proved(request)[0].pk))


def session_of(request: Request) -> AccountSession | None:
    """The session that the request is signed with; none where it is signed with an API token."""
    return request.auth if isinstance(request.auth, AccountSession) else None


def session_required(request: Request) -> AccountSession:
    """The session; 403 for API tokens: who finds one must not be able to make more, or to keep its owner out."""
    session = session_of(request)
    if session is None:
        raise PermissionDenied("Sign in for this: a token can't make or change credentials.", code="session_required")
    return session


def proved(request: Request, form: type[Serializer] = forms.ProofRequest) -> tuple[User, dict[str, Any]]:
    """The caller, who has shown password and code again in this form, and what else the form says."""
    session_required(request)
    given, user = _checked(form(data=request.data)), caller(request)
    try:
        passwords.proof(user=user, password=given.pop("password"), code=given.pop("code"), now=wall_now())
    except SignInRefused as error:
        _deny(error)
    return user, given


def _checked(form: Serializer) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _deny(error: SignInRefused) -> NoReturn:
    # Not 401: the request's own credential is fine.
    raise PermissionDenied(error.message, code=error.code) from error


def _codes(codes: list[str]) -> Response:
    answer = forms.RecoveryCodesSerializer({"recovery_codes": codes}).data
    return Response(answer, headers={"Cache-Control": "no-store"})


def _done() -> Response:
    return Response(status=status.HTTP_204_NO_CONTENT)
