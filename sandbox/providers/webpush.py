"""A push service as Mozilla runs one: checks the VAPID signature, opens the message with the browser's keys.

Protocol: RFC 8030, 8188, 8291, 8292. Errors: https://mozilla-services.github.io/autopush-rs/http.html#error-codes.
The browsers are played too: a subscription's keys follow from its name, so anyone can be handed them."""

import base64
import binascii
import hashlib
import re
from typing import Any

import jwt
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox

HOST = "updates.push.services.mozilla.com"
MAX_BODY = 4096
MAX_TTL_S = 5_184_000
DAY_S = 86_400
# Standing refusals, by how a subscription is called.
_OVER = {"gone": (410, 106, "User has unsubscribed"), "unknown": (404, 102, "Request did not validate")}
_PATH = re.compile(r"/wpush/v2/([\w.-]+)")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCIES = ("very-low", "low", "normal", "high")
_ERRORS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 410: "Gone", 413: "Payload Too Large",
           429: "Too Many Requests", 503: "Service Unavailable"}  # fmt: skip


class RefusedError(ValueError):
    """What the push service answers instead of taking the message."""

    def __init__(self, status: int, errno: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.errno = errno


class WebPush:
    """updates.push.services.mozilla.com and the browsers behind it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._count = 0

    def subscription(self, name: str, gateway: str) -> dict[str, Any]:
        """What the browser called `name` gives a site, as `PushSubscription.toJSON()` writes it."""
        key, auth = _browser(name)
        return {
            "endpoint": f"{gateway}/https://{HOST}/wpush/v2/{name}",
            "keys": {"p256dh": _b64(_point(key.public_key())), "auth": _b64(auth)},
        }

    def answer(self, call: Call) -> Answer:
        """Take one push."""
        try:
            return self._taken(call)
        except RefusedError as refused:
            return json_answer(_body(refused.status, refused.errno, str(refused)), refused.status)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The push service's own wording of an error status."""
        return orjson.dumps(_body(status, 201 if status == 503 else 999, "a fault was asked for"))

    def _taken(self, call: Call) -> Answer:
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "POST":
            raise RefusedError(404, 102, "Request did not validate")
        name = found[1]
        if name in _OVER:
            raise RefusedError(*_OVER[name])
        headers = {key.lower(): value for key, value in call.headers.items()}
        claims = _signed(headers.get("authorization", ""), _origins(call, headers), call.now)
        ttl = headers.get("ttl", "")
        if not ttl.isdigit():
            raise RefusedError(400, 111, "Missing TTL header")
        topic, urgency = headers.get("topic"), headers.get("urgency", "normal")
        if topic is not None and not _TOPIC.fullmatch(topic):
            raise RefusedError(400, 113, "Invalid topic")
        if urgency not in _URGENCIES:
            raise RefusedError(400, 114, "Invalid urgency")
        if len(call.body) > MAX_BODY:
            raise RefusedError(413, 104, "This message is intended for a constrained device and is limited in size")
        if headers.get("content-encoding") != "aes128gcm":
            raise RefusedError(400, 110, "Unknown Content-Encoding")
        message = orjson.loads(_opened(call.body, name))
        self._count += 1
        self._inbox.add(
            provider="push", to=name, body=message, at=call.now,
            ttl=min(int(ttl), MAX_TTL_S), urgency=urgency, topic=topic, vapid=claims, octets=len(call.body),
        )  # fmt: skip
        location = f"https://{HOST}/m/{name}-{self._count}"
        return Answer(201, b"", {"Location": location, "TTL": ttl})


def _signed(authorization: str, origins: set[str], now: float) -> dict[str, Any]:
    """The claims of a good VAPID header; errno 109 for everything that is wrong with one."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme.lower() != "vapid" or not {"t", "k"} <= fields.keys():
        raise RefusedError(401, 109, "Missing VAPID authorization")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(fields["k"]))
        options = {"require": ["exp", "aud", "sub"], "verify_aud": False}
        claims: dict[str, Any] = jwt.decode(fields["t"], key, algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    except (ValueError, jwt.PyJWTError) as error:
        raise RefusedError(401, 109, f"Invalid VAPID token: {error}") from None
    if claims["aud"] not in origins:
        raise RefusedError(401, 109, "VAPID aud is not this push service's origin")
    if claims["exp"] > now + DAY_S:
        raise RefusedError(401, 109, "VAPID exp is more than a day away")
    if not str(claims["sub"]).startswith(("mailto:", "https://")):
        raise RefusedError(401, 109, "VAPID sub is no contact")
    return claims


def _origins(call: Call, headers: dict[str, str]) -> set[str]:
    """Our origin, and that of the gateway which stands before it."""
    return {f"{call.scheme}://{call.host}", f"http://{headers.get('host', '')}"}


def _opened(body: bytes, name: str) -> bytes:
    """The plaintext of an aes128gcm body of one record, opened as the browser would."""
    salt, id_length = body[:16], body[20] if len(body) > 20 else 0
    key_id, record = body[21 : 21 + id_length], body[21 + id_length :]
    key, auth = _browser(name)
    try:
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key_id)
        shared = key.exchange(ec.ECDH(), sender)
        secret = _hkdf(auth, shared, b"WebPush: info\0" + _point(key.public_key()) + key_id, 32)
        content_key = _hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _hkdf(salt, secret, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(content_key).decrypt(nonce, record, None)
    except (ValueError, InvalidTag):
        raise RefusedError(400, 110, "The message can't be opened with the subscription's keys") from None
    plaintext, delimiter, _ = padded.rpartition(b"\x02")
    if not delimiter:
        raise RefusedError(400, 110, "The last record has no delimiter")
    return plaintext


def _browser(name: str) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    scalar = int.from_bytes(hashlib.sha256(b"key " + name.encode()).digest(), "big") >> 1
    return ec.derive_private_key(scalar, ec.SECP256R1()), hashlib.sha256(b"auth " + name.encode()).digest()[:16]


def _hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _body(status: int, errno: int, words: str) -> dict[str, Any]:
    return {"code": status, "errno": errno, "error": _ERRORS.get(status, "Error"), "message": words}
