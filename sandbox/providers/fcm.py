"""Firebase Cloud Messaging, HTTP v1, and the token service in front of it.

Tokens: https://developers.google.com/identity/protocols/oauth2/service-account#httprest. Errors:
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode. Limit of a device ("240 messages/minute"):
https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas"""

import json
import math
import re
import secrets
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate

HOST = "fcm.googleapis.com"
TOKEN_HOST = "oauth2.googleapis.com"  # noqa: S105
TOKEN_URL = f"https://{TOKEN_HOST}/token"
PROJECT = "arbedge-sandbox"
EMAIL = f"push@{PROJECT}.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_PAYLOAD = 4096
MAX_TTL_S = 2_419_200
PER_DEVICE = Rate(240, 60.0, 240)
TOKEN_LASTS_S = 3599
_SEND = re.compile(r"/v1/projects/([\w-]+)/messages:send")
_DEVICE = re.compile(r"[A-Za-z0-9_:-]{20,500}")
_DURATION = re.compile(r"(\d+)(\.\d+)?s")
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
           429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip


class GoogleTokens:
    """oauth2.googleapis.com: changes a service account's signed assertion for an access token."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self.asked = 0

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def account(self) -> dict[str, str]:
        """The key file of the one service account that there is."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account", "project_id": PROJECT, "private_key": pem.decode(), "client_email": EMAIL,
            "token_uri": TOKEN_URL,
        }  # fmt: skip

    def answer(self, call: Call) -> Answer:
        """One exchange of an assertion for a token."""
        if call.path != "/token" or call.method != "POST":
            return json_answer({"error": "not_found"}, 404)
        self.asked += 1
        form = {name: values[0] for name, values in parse_qs(call.body.decode(errors="replace")).items()}
        if form.get("grant_type") != GRANT:
            return json_answer({"error": "unsupported_grant_type"}, 400)
        try:
            claims = jwt.decode(
                form.get("assertion", ""), self._key.public_key(), algorithms=["RS256"], audience=TOKEN_URL
            )
        except jwt.PyJWTError as error:
            return json_answer({"error": "invalid_grant", "error_description": f"Invalid JWT: {error}"}, 400)
        if claims.get("iss") != EMAIL or claims.get("exp", 0) - claims.get("iat", 0) > 3600:
            return json_answer({"error": "invalid_grant", "error_description": "Invalid claims."}, 400)
        if claims.get("scope") != SCOPE:
            return json_answer({"error": "invalid_scope"}, 400)
        token = "ya29.sandbox-" + secrets.token_urlsafe(24)
        self._tokens[token] = call.now + TOKEN_LASTS_S
        return json_answer({"access_token": token, "expires_in": TOKEN_LASTS_S, "token_type": "Bearer"})

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The body of an error status."""
        return orjson.dumps({"error": "internal_failure"})

    def knows(self, token: str, now: float) -> bool:
        """Whether the token was given out and still works."""
        return self._tokens.get(token, 0.0) > now

    def reset(self) -> None:
        """Count anew; tokens that were given out go on working."""
        self.asked = 0


class Fcm:
    """fcm.googleapis.com. A device whose token starts with `unregistered` or `mismatch` is refused as it says."""

    def __init__(self, inbox: Inbox, tokens: GoogleTokens) -> None:
        self._inbox = inbox
        self._tokens = tokens
        self._buckets = Buckets()
        self._count = 0

    def reset(self) -> None:
        """Full buckets."""
        self._buckets.clear()

    def answer(self, call: Call) -> Answer:
        """One message."""
        found = _SEND.fullmatch(call.path)
        if found is None or call.method != "POST":
            return _failure(404, "Not found")
        bearer = {name.lower(): value for name, value in call.headers.items()}.get("authorization", "")
        if not self._tokens.knows(bearer.removeprefix("Bearer "), call.now):
            return _failure(401, "Request had invalid authentication credentials.")
        if found[1] != PROJECT:
            return _failure(403, "Permission 'cloudmessaging.messages.create' denied")
        if len(call.body) > MAX_PAYLOAD:
            return _failure(400, "Message is too big", "INVALID_ARGUMENT")
        try:
            message = orjson.loads(call.body)["message"]
            device, problem = message["token"], _problem(message)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _failure(400, "Invalid JSON payload received.")
        if problem:
            return _failure(400, problem, "INVALID_ARGUMENT")
        return self._refusal(device, call.now) or self._deliver(device, message, call.now)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """FCM's own wording of an error status."""
        codes = {429: "QUOTA_EXCEEDED", 500: "INTERNAL", 503: "UNAVAILABLE"}
        return _failure(status, "a fault was asked for", codes.get(status)).body

    def _refusal(self, device: str, now: float) -> Answer | None:
        if not _DEVICE.fullmatch(device):
            return _failure(400, "The registration token is not a valid FCM registration token", "INVALID_ARGUMENT")
        if device.startswith("unregistered"):
            return _failure(404, "Requested entity was not found.", "UNREGISTERED")
        if device.startswith("mismatch"):
            return _failure(403, "SenderId mismatch", "SENDER_ID_MISMATCH")
        wait = self._buckets.take([(device, PER_DEVICE)], now)
        if wait > 0.0:
            answer = _failure(429, "Quota exceeded", "QUOTA_EXCEEDED")
            return Answer(answer.status, answer.body, {**answer.headers, "Retry-After": str(math.ceil(wait))})
        return None

    def _deliver(self, device: str, message: dict[str, Any], now: float) -> Answer:
        self._count += 1
        self._inbox.add(
            provider="fcm", to=device, body=message["notification"], at=now,
            data=message.get("data"), android=message.get("android"), apns=message.get("apns"),
        )  # fmt: skip
        return json_answer({"name": f"projects/{PROJECT}/messages/0:{self._count}"})


def _problem(message: dict[str, Any]) -> str:
    """What is wrong with a message's fields, in words."""
    for name, value in (message.get("data") or {}).items():
        if not isinstance(value, str):
            return f"Invalid value at 'message.data[{name}]' (TYPE_STRING)"
    android = message.get("android") or {}
    ttl = _DURATION.fullmatch(android.get("ttl", "0s"))
    if ttl is None or int(ttl[1]) > MAX_TTL_S:
        return "Invalid value at 'message.android.ttl'"
    if android.get("priority", "NORMAL") not in ("NORMAL", "HIGH"):
        return "Invalid value at 'message.android.priority'"
    headers = (message.get("apns") or {}).get("headers") or {}
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        return "Invalid value at 'message.apns.headers'"
    return "" if message.get("notification") else "Invalid value at 'message.notification'"


def _failure(status: int, words: str, code: str | None = None) -> Answer:
    error: dict[str, Any] = {"code": status, "message": words, "status": _STATUS.get(status, "UNKNOWN")}
    if code:
        error["details"] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return Answer(status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json"})
