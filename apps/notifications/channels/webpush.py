"""Web Push on the wire: the message encrypted for one browser (RFC 8291, RFC 8188) and our name under it (RFC 8292)."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from apps.core.exceptions import PermanentError
from apps.core.later import later

if TYPE_CHECKING:
    import jwt
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers import aead
    from cryptography.hazmat.primitives.kdf import hkdf
else:
    jwt = later("jwt")
    hashes = later("cryptography.hazmat.primitives.hashes")
    serialization = later("cryptography.hazmat.primitives.serialization")
    ec = later("cryptography.hazmat.primitives.asymmetric.ec")
    aead = later("cryptography.hazmat.primitives.ciphers.aead")
    hkdf = later("cryptography.hazmat.primitives.kdf.hkdf")

# "a push service is not required to support more than 4096 octets of payload body" (RFC 8291, section 4): header of 86,
# delimiter of 1 and tag of 16 octets leave this much for the message.
MAX_BODY = 4096
MAX_PLAINTEXT = MAX_BODY - 86 - 1 - 16
_POINT_BYTES = 65
_AUTH_BYTES = 16
# "MUST NOT be more than 24 hours from the time of the request" (RFC 8292, section 2).
_SIGNED_FOR_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Keys:
    """What a browser's subscription gives: its public point and the secret that the message is bound to."""

    public: ec.EllipticCurvePublicKey
    auth: bytes


def keys_read(p256dh: str, auth: str) -> Keys:
    """The keys of `PushSubscription.toJSON().keys`; PermanentError(code="bad_credentials") where they are none."""
    try:
        point, secret = unb64(p256dh), unb64(auth)
        if len(point) != _POINT_BYTES or len(secret) != _AUTH_BYTES:
            raise ValueError("length")
        return Keys(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), secret)
    except ValueError:
        raise PermanentError(
            "p256dh and auth are no keys of a push subscription: give both as the browser's toJSON() writes them.",
            code="bad_credentials",
        ) from None


def encrypt(
    plaintext: bytes, keys: Keys, *, ours: ec.EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """One aes128gcm record that only this browser can open; key pair and salt are fresh unless they are given."""
    ours = ours or ec.generate_private_key(ec.SECP256R1())
    salt = salt or secrets.token_bytes(16)
    our_point, their_point = _point(ours.public_key()), _point(keys.public)
    shared = ours.exchange(ec.ECDH(), keys.public)
    secret = _derived(keys.auth, shared, b"WebPush: info\0" + their_point + our_point, 32)
    key = _derived(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(salt, secret, b"Content-Encoding: nonce\0", 12)
    header = salt + MAX_BODY.to_bytes(4, "big") + bytes([len(our_point)]) + our_point
    # 2 is the delimiter of the last record, and there is only one.
    return header + aead.AESGCM(key).encrypt(nonce, plaintext + b"\x02", None)


def private_key_read(text: str) -> ec.EllipticCurvePrivateKey:
    """A VAPID private key as Web Push libraries write it, base64url of its 32 bytes; ValueError where it is none."""
    raw = unb64(text)
    if len(raw) != 32:
        raise ValueError("a VAPID private key is base64url of 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def private_key_new() -> str:
    """A fresh key as `private_key_read` takes it."""
    return private_key_text(ec.generate_private_key(ec.SECP256R1()))


def private_key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as `private_key_read` takes it."""
    return b64(key.private_numbers().private_value.to_bytes(32, "big"))


def public_key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half as browsers take it (`applicationServerKey`): base64url of the uncompressed point."""
    return b64(_point(key.public_key()))


def authorization(url: str, key: ec.EllipticCurvePrivateKey, *, subject: str, now: float | None = None) -> str:
    """The `Authorization` of a push to `url` in the scheme "vapid"; `subject` is a mailto: or https: contact."""
    parts = urlsplit(url)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        # Push services know no replayed clock.
        "exp": int(time.time() if now is None else now) + _SIGNED_FOR_S,
        "sub": subject,
    }
    return f"vapid t={jwt.encode(claims, key, algorithm='ES256')}, k={public_key_text(key)}"


def b64(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """The bytes of base64url, padded or not; ValueError where it is none."""
    stripped = text.strip().rstrip("=")
    try:
        return base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _derived(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return hkdf.HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)
