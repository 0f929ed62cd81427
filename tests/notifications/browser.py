"""A browser's side of web push: keys for a subscription, and the opening of what arrives (RFC 8291)."""

import os
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.notifications.channels.webpush import b64, unb64


class Browser:
    """One subscription."""

    def __init__(self, private: str = "", auth: str = "") -> None:
        self._key = (
            ec.derive_private_key(int.from_bytes(unb64(private), "big"), ec.SECP256R1())
            if private
            else ec.generate_private_key(ec.SECP256R1())
        )
        self._auth = unb64(auth) if auth else os.urandom(16)

    @property
    def credentials(self) -> Mapping[str, str]:
        """`keys` of the subscription's JSON."""
        return {"p256dh": b64(_point(self._key.public_key())), "auth": b64(self._auth)}

    def opened(self, body: bytes) -> bytes:
        """The message inside an aes128gcm body; raises where it was not made for this browser."""
        salt, size, sender = body[:16], body[20], body[21 : 21 + body[20]]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\0" + _point(self._key.public_key()) + sender
        secret = _hkdf(self._auth, shared, info, 32)
        opener = AESGCM(_hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16))
        padded = opener.decrypt(_hkdf(salt, secret, b"Content-Encoding: nonce\0", 12), body[21 + size :], None)
        assert padded.endswith(b"\x02")
        return padded[:-1]


def _hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
