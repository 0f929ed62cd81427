"""What the OpenAPI document says about referrals, subscriptions and payments beyond what the code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from apps.accounts.api.own_forms import (
    AffiliateRequest,
    AffiliateSerializer,
    BonusSerializer,
    PaymentTakenSerializer,
    ReferralClaimRequest,
    ReferralCodeRequest,
    ReferralSerializer,
    StandingSerializer,
    SubscriptionChangeSerializer,
)
from apps.core.api.origin import ORIGIN_HEADER
from apps.core.api.schema import error_response

_401 = error_response(401, "not_authenticated", "Authentication credentials were not provided.")
_429 = error_response(429, "throttled", "Request was throttled. Expected available in 60 seconds.")
_BAD_CODE = error_response(400, "referral_taken", "Somebody has this code already.")
_BAD_CLAIM = error_response(400, "referral_self", "Nobody comes by their own code.")
_REFERRAL = {
    "code": "ADA2026",
    "came_by": None,
    "brought": 3,
    "paying": 1,
    "balances": {"points": "800.00", "USD": "4.90"},
}
_AFFILIATE = {
    "state": "applied",
    "website": "https://ada.example.org/",
    "words": "A newsletter about funding rates.",
    "share": "0.000",
    "applied_at": "2026-11-22T10:00:00Z",
    "decided_at": None,
}
_STANDING: dict[str, Any] = {
    "tier": "premium",
    "base_tier": "free",
    "policy": {
        "name": "premium",
        "list_limit": 20,
        "daily": {"arbitrage": None, "technical": None},
        "delay_s": 0,
        "analytics_days": 30,
    },
    "permissions": ["ai.own_keys", "opportunities.premium", "trading.manual"],
    "subscriptions": [
        {
            "id": "0b8f1f57-8f4e-4f0e-9d43-4a9b7cf0b6a1",
            "tier": "premium",
            "given_by": "beta",
            "plan": "",
            "renews": False,
            "starts_at": "2026-11-22T10:00:00Z",
            "ends_at": "2027-05-21T10:00:00Z",
            "grace_until": "2027-05-21T10:00:00Z",
        }
    ],
}


def _answer(kind: Any, example: Any, *, status: int = 200) -> dict[int, OpenApiResponse]:
    shown = OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(kind, examples=[shown])}


def _of(**what: Any) -> dict[str, Any]:
    return {"tags": ["users"], "parameters": [ORIGIN_HEADER], **what}


def _header(name: str, words: str) -> OpenApiParameter:
    return OpenApiParameter(name=name, location=OpenApiParameter.HEADER, type=str, required=True, description=words)


REFERRAL = _of(
    summary="One's referral code, and what came of it", responses=_answer(ReferralSerializer, _REFERRAL) | _401
)
REFERRAL_SET = _of(
    summary="Change one's referral code",
    request=ReferralCodeRequest,
    responses=_answer(ReferralSerializer, _REFERRAL) | _BAD_CODE | _401 | _429,
)
REFERRAL_CLAIM = _of(
    summary="Say by whose code one came",
    request=ReferralClaimRequest,
    responses=_answer(ReferralSerializer, _REFERRAL | {"came_by": "BOB2025"}, status=201) | _BAD_CLAIM | _401 | _429,
)
BONUSES = _of(
    operation_id="users_referral_bonuses_list",
    summary="One's ledger of bonuses, newest first",
    responses={200: BonusSerializer(many=True), **_401},
)
AFFILIATE = _of(
    summary="What became of one's application as an affiliate",
    responses=_answer(AffiliateSerializer, _AFFILIATE)
    | _401
    | error_response(404, "not_found", "You have not applied."),
)
AFFILIATE_APPLY = _of(
    summary="Apply as an affiliate",
    request=AffiliateRequest,
    responses=_answer(AffiliateSerializer, _AFFILIATE, status=201)
    | error_response(
        400,
        "invalid",
        "The request has errors.",
        errors=[{"field": "website", "code": "invalid", "detail": "Enter a valid URL."}],
    )
    | _401
    | error_response(409, "affiliate_exists", "You have applied already."),
)
STANDING = _of(
    summary="What one's account opens, and because of what", responses=_answer(StandingSerializer, _STANDING) | _401
)
HISTORY = _of(
    operation_id="users_subscription_history_list",
    summary="What happened to one's subscriptions, newest first",
    responses={200: SubscriptionChangeSerializer(many=True), **_401},
)
PAYMENT: dict[str, Any] = {
    "tags": ["payments"],
    "summary": "Messages from the payment provider",
    "description": "Signed after Standard Webhooks 1.0.0 and not older than five minutes. The same `webhook-id` has "
    "one effect. Types: `subscription.started`, `.renewed`, `.changed`, `.cancelled`, `.ended`; others are ignored. "
    "`data`: `subscription`, `user` (id or address), `plan`, `ends_at`, `amount`, `currency`.",
    "auth": [],
    "parameters": [
        _header("webhook-id", "the message's id"),
        _header("webhook-timestamp", "when it was sent, in Unix seconds"),
        _header("webhook-signature", "`v1,…`; several are separated by spaces"),
    ],
    "request": {
        "application/json": {
            "type": "object",
            "required": ["type", "timestamp", "data"],
            "properties": {
                "type": {"type": "string", "example": "subscription.started"},
                "timestamp": {"type": "string", "format": "date-time"},
                "data": {"type": "object", "additionalProperties": True},
            },
        }
    },
    "responses": _answer(PaymentTakenSerializer, {"id": "msg_1", "state": "applied", "again": False})
    | error_response(403, "signature", "This is not signed by the payment provider, or too old.")
    | error_response(404, "not_found", "Payments are not taken here: PAYMENT_WEBHOOK_SECRETS is not set.")
    | error_response(422, "unknown_plan", "There is no plan 'gold': name it in payment.plans.*."),
}
