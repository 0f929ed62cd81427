"""One's own referrals, bonuses and subscriptions."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import selectors, services
from apps.accounts.api import own_schema as schema
from apps.accounts.api.own_forms import (
    AffiliateRequest,
    AffiliateSerializer,
    BonusSerializer,
    ReferralClaimRequest,
    ReferralCodeRequest,
    ReferralSerializer,
    StandingSerializer,
    SubscriptionChangeSerializer,
)
from apps.accounts.models import BonusEntry, SubscriptionChange
from apps.accounts.permissions import caller
from apps.core import clock
from apps.core.api.origin import OriginHeaderMixin
from apps.core.api.pagination import CursorPagination
from apps.core.api.throttle import HouseThrottle
from apps.core.exceptions import PermanentError
from apps.core.limits import Limit


class _Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


class CodeThrottle(HouseThrottle):
    """Which codes are taken, and whose there are, is not to be found out by trying."""

    name = "referral-codes"
    limits = (Limit(count=10, seconds=3600), Limit(count=30, seconds=86_400))


class _NewestBonus(CursorPagination):
    ordering = ("-created_at", "-id")


class _NewestChange(CursorPagination):
    ordering = ("-at", "-id")


class _Own(OriginHeaderMixin, APIView):
    permission_classes = (IsAuthenticated,)


class _OwnTries(_Own):
    def get_throttles(self) -> list[Any]:
        """Only what tries a code is limited."""
        return [CodeThrottle()] if self.request.method != "GET" else []


@extend_schema_view(get=extend_schema(**schema.REFERRAL), put=extend_schema(**schema.REFERRAL_SET))
class OwnReferral(_OwnTries):
    """One's code, and what came of it."""

    def get(self, request: Request) -> Response:
        """As it stands."""
        return Response(ReferralSerializer(selectors.referral_summary(caller(request).pk)).data)

    def put(self, request: Request) -> Response:
        """Another code. The former one opens nothing any more, and nobody else can take it."""
        form = ReferralCodeRequest(data=request.data)
        form.is_valid(raise_exception=True)
        services.referral_code_set(
            user_id=caller(request).pk, code=form.validated_data["code"] or None, now=clock.wall_now()
        )
        return self.get(request)


@extend_schema_view(post=extend_schema(**schema.REFERRAL_CLAIM))
class ReferralClaim(_OwnTries):
    """Saying who brought one, soon after joining and once."""

    def post(self, request: Request) -> Response:
        """201 with what it came to."""
        form = ReferralClaimRequest(data=request.data)
        form.is_valid(raise_exception=True)
        code = services.referral_code_find(form.validated_data["code"])
        services.referral_record(user=caller(request), code=code, now=clock.wall_now())
        summary = ReferralSerializer(selectors.referral_summary(caller(request).pk))
        return Response(summary.data, status=status.HTTP_201_CREATED)


@extend_schema_view(get=extend_schema(**schema.BONUSES))
class BonusList(OriginHeaderMixin, generics.ListAPIView[BonusEntry]):
    """One's ledger of bonuses, newest first."""

    permission_classes = (IsAuthenticated,)
    serializer_class = BonusSerializer
    pagination_class = _NewestBonus
    queryset = BonusEntry.objects.none()

    def get_queryset(self) -> QuerySet[BonusEntry]:
        """One's own only."""
        return selectors.bonuses_of(caller(self.request).pk)


@extend_schema_view(get=extend_schema(**schema.AFFILIATE), post=extend_schema(**schema.AFFILIATE_APPLY))
class OwnAffiliate(_Own):
    """One's application to bring people for a share."""

    def get(self, request: Request) -> Response:
        """What became of it; 404 where one never applied."""
        row = selectors.affiliate_of(caller(request).pk)
        if row is None:
            raise NotFound("You have not applied.")
        return Response(AffiliateSerializer(row).data)

    def post(self, request: Request) -> Response:
        """201: an operator looks at it. 409 where one applied before."""
        form = AffiliateRequest(data=request.data)
        form.is_valid(raise_exception=True)
        wishes: dict[str, Any] = dict(form.validated_data)
        try:
            row = services.affiliate_apply(user_id=caller(request).pk, **wishes, now=clock.wall_now())
        except PermanentError as error:
            raise _Conflict(error.message, code=error.code) from error
        return Response(AffiliateSerializer(row).data, status=status.HTTP_201_CREATED)


@extend_schema_view(get=extend_schema(**schema.STANDING))
class OwnSubscription(_Own):
    """What one's account opens."""

    def get(self, request: Request) -> Response:
        """The tier, its numbers and permissions, and the subscriptions that count."""
        user = caller(request)
        standing = {
            "tier": user.tier,
            "base_tier": user.base_tier,
            "policy": selectors.user_policy(user),
            "permissions": selectors.permissions_of(user),
            "subscriptions": selectors.subscriptions_counting(user_id=user.pk, now=clock.wall_now()),
        }
        return Response(StandingSerializer(standing).data)


@extend_schema_view(get=extend_schema(**schema.HISTORY))
class SubscriptionHistory(OriginHeaderMixin, generics.ListAPIView[SubscriptionChange]):
    """What ever happened to one's subscriptions, newest first."""

    permission_classes = (IsAuthenticated,)
    serializer_class = SubscriptionChangeSerializer
    pagination_class = _NewestChange
    queryset = SubscriptionChange.objects.none()

    def get_queryset(self) -> QuerySet[SubscriptionChange]:
        """One's own only."""
        return selectors.subscription_changes(caller(self.request).pk)
