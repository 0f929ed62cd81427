"""The keys that the sandbox's exchanges know, in ccxt's words; anybody else's are refused."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def _coinbase_key(kind: str) -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"the sandbox's coinbase key{kind}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _coinbase_secret(kind: str) -> str:
    """As the exchange hands it out: seed and public key, base64."""
    key = _coinbase_key(kind)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(key.private_bytes_raw() + public).decode()


# Read-only ones, of which the operator's are made.
KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "binance": {"apiKey": "sandbox-read-only", "secret": "sandbox-secret"},
    "bingx": {"apiKey": "sandbox-bingx-key", "secret": "sandbox-bingx-secret"},
    "bybit": {"apiKey": "sandboxBybitKey", "secret": "sandbox-bybit-secret"},
    "mexc": {"apiKey": "mx0sandboxkey", "secret": "sandbox-mexc-secret"},
    "okx": {"apiKey": "sandbox-okx-key", "secret": "sandbox-okx-secret", "password": "sandbox-okx-phrase"},
    "coinbase": {
        "apiKey": "5d1e7a52-0000-4000-8000-sandboxkey01",
        "secret": _coinbase_secret(""),
    },
}
# What other keys there are, by what becomes of who uses them: they may trade, or withdraw; they were deleted; they are
# bound to an address that nobody calls from.
KINDS: Final = ("trade", "withdraw", "revoked", "bound")
_MORE: Final[Mapping[str, Mapping[str, str]]] = {
    "kraken": {
        "apiKey": "SandboxKrakenKey",
        "secret": base64.b64encode(hashlib.sha512(b"the sandbox's kraken key").digest()).decode(),
    },
    "kucoin": {
        "apiKey": "sandbox-kucoin-key",
        "secret": "sandbox-kucoin-secret",
        "password": "sandbox-kucoin-phrase",
    },
}


def demo_key(exchange: str, kind: str = "read") -> dict[str, str]:
    """The sandbox's key of this kind ("read" or one of KINDS)."""
    fields = dict(KEYS[exchange] if exchange in KEYS else _MORE[exchange])
    if kind == "read":
        return fields
    fields["apiKey"] += f"-{kind}"
    # A secret in base64 has to stay one, and coinbase's is a key of its own.
    if exchange == "coinbase":
        fields["secret"] = _coinbase_secret(kind)
    elif exchange != "kraken":
        fields["secret"] += f"-{kind}"
    return fields


def key_kind(exchange: str, api_key: str) -> str:
    """Of which kind the key with this public part is; "" for one that the exchange does not know (any more)."""
    name = demo_key(exchange)["apiKey"]
    if api_key == name:
        return "read"
    kind = api_key.removeprefix(f"{name}-")
    return kind if api_key != kind and kind in KINDS and kind != "revoked" else ""


def is_signed(text: str, signature: str, secret: str) -> bool:
    """Whether `signature` is the HMAC-SHA256 of `text`, as hexadecimal or as base64 text."""
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    given = signature.encode()
    return hmac.compare_digest(made.hex().encode(), given) or hmac.compare_digest(base64.b64encode(made), given)


def token_claims(token: str) -> dict[str, object] | None:
    """What a token says that one of coinbase's keys signed (JWT, EdDSA); None where none did."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        head, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        told = orjson.loads(claims)
        kind = key_kind("coinbase", str(told.get("sub")))
        public = _coinbase_key("" if kind == "read" else kind).public_key()
        public.verify(signature, f"{parts[0]}.{parts[1]}".encode())
        alike = orjson.loads(head).get("alg") == "EdDSA" and bool(kind)
    except (ValueError, InvalidSignature, AttributeError):
        return None
    return told if alike else None
