"""Registering: for people who have no account yet, so without sign-in and with tight limits."""

from typing import Any

from django.core.exceptions import ValidationError as InvalidError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import services
from apps.accounts.api import coming_schema as schema
from apps.accounts.api.coming_forms import (
    ConfirmedSerializer,
    ConfirmRequest,
    RegisteredSerializer,
    RegisterRequest,
    ResendRequest,
)
from apps.accounts.exceptions import InvitationRefused, ReferralRefused
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.throttle import HouseThrottle
from apps.core.caller import place_of
from apps.core.limits import Limit


class ByPlace(HouseThrottle):
    """Counts by where a request comes from, as nobody has signed in."""

    def caller(self, request: Request) -> str:
        """The address; of IPv6 the network."""
        return place_of(self.get_ident(request))


class RegisterThrottle(ByPlace):
    """Guessing invitations, and finding out which addresses can be written to, takes many requests."""

    name = "register"
    limits = (Limit(count=10, seconds=600), Limit(count=50, seconds=86_400))


class ConfirmThrottle(ByPlace):
    """Besides the few tries that each code has."""

    name = "register-confirm"
    limits = (Limit(count=20, seconds=600), Limit(count=200, seconds=86_400))


class _Open(OriginHeaderMixin, APIView):
    authentication_classes = ()
    permission_classes = ()


@extend_schema_view(post=extend_schema(**schema.REGISTER))
class Register(_Open):
    """The same answer whether the address has an account or not."""

    throttle_classes = (RegisterThrottle,)

    def post(self, request: Request) -> Response:
        """202; a code is on its way to the address."""
        form = RegisterRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wishes: dict[str, Any] = dict(form.validated_data)
        try:
            row = services.registration_start(**wishes, now=clock.wall_now())
        except InvalidError as error:
            field = "email" if "email" in getattr(error, "error_dict", {}) else "password"
            raise ValidationError({field: error.messages}) from error
        except InvitationRefused as error:
            raise _at("invitation_code", error) from error
        except ReferralRefused as error:
            raise _at("referral_code", error) from error
        return Response(RegisteredSerializer(row).data, status=status.HTTP_202_ACCEPTED)


@extend_schema_view(post=extend_schema(**schema.RESEND))
class RegisterResend(_Open):
    """For mail that was lost."""

    throttle_classes = (ConfirmThrottle,)

    def post(self, request: Request) -> Response:
        """202, whatever became of the registration."""
        form = ResendRequest(data=request.data)
        form.is_valid(raise_exception=True)
        services.registration_resend(registration_id=form.validated_data["registration"], now=clock.wall_now())
        return Response(status=status.HTTP_202_ACCEPTED)


@extend_schema_view(post=extend_schema(**schema.CONFIRM))
class RegisterConfirm(_Open):
    """Proving that the address is one's own."""

    throttle_classes = (ConfirmThrottle,)

    def post(self, request: Request) -> Response:
        """The account is open; one signs in to it as to any other."""
        form = ConfirmRequest(data=request.data)
        form.is_valid(raise_exception=True)
        user = services.registration_confirm(
            registration_id=form.validated_data["registration"],
            code=form.validated_data["code"],
            now=clock.wall_now(),
        )
        return Response(ConfirmedSerializer(user).data)


def _at(field: str, error: InvitationRefused | ReferralRefused) -> ValidationError:
    return ValidationError({field: [error.message]}, code=error.code)
