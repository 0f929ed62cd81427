"""The read-only keys that the sandbox's exchanges know, in ccxt's words; anybody else's are refused."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SEED: Final = hashlib.sha256(b"the sandbox's coinbase key").digest()
_COINBASE: Final = Ed25519PrivateKey.from_private_bytes(_SEED)
_PUBLIC: Final = _COINBASE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "binance": {"apiKey": "sandbox-read-only", "secret": "sandbox-secret"},
    "bingx": {"apiKey": "sandbox-bingx-key", "secret": "sandbox-bingx-secret"},
    "bybit": {"apiKey": "sandboxBybitKey", "secret": "sandbox-bybit-secret"},
    "mexc": {"apiKey": "mx0sandboxkey", "secret": "sandbox-mexc-secret"},
    "okx": {"apiKey": "sandbox-okx-key", "secret": "sandbox-okx-secret", "password": "sandbox-okx-phrase"},
    "coinbase": {
        "apiKey": "5d1e7a52-0000-4000-8000-sandboxkey01",
        # As the exchange hands it out: seed and public key, base64.
        "secret": base64.b64encode(_SEED + _PUBLIC).decode(),
    },
}


def is_signed(text: str, signature: str, secret: str) -> bool:
    """Whether `signature` is the HMAC-SHA256 of `text`, as hexadecimal or as base64 text."""
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    given = signature.encode()
    return hmac.compare_digest(made.hex().encode(), given) or hmac.compare_digest(base64.b64encode(made), given)


def token_claims(token: str) -> dict[str, object] | None:
    """What a token says that coinbase's key signed (JWT, EdDSA); None where it did not."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        head, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        _COINBASE.public_key().verify(signature, f"{parts[0]}.{parts[1]}".encode())
        told = orjson.loads(claims)
        alike = orjson.loads(head).get("alg") == "EdDSA" and told.get("sub") == KEYS["coinbase"]["apiKey"]
    except (ValueError, InvalidSignature, AttributeError):
        return None
    return told if alike else None
