"""What keys look like, by exchange: their form is checked before anybody is asked, in processes without ccxt."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Problem = str
Check = Callable[[str], Problem]

LONGEST: Final = 4_000


def _like(pattern: str, words: str) -> Check:
    compiled = re.compile(pattern)
    return lambda text: "" if compiled.fullmatch(text) else words


def _base64_of(size: int | None, words: str) -> Check:
    def check(text: str) -> Problem:
        try:
            decoded = base64.b64decode(text, validate=True)
        except binascii.Error:
            return words
        return "" if decoded and size in (None, len(decoded)) else words

    return check


def _pem_or(other: Check) -> Check:
    def check(text: str) -> Problem:
        if not text.startswith("-----BEGIN "):
            return other(text)
        # Loaded where somebody brings such a key: it costs a tenth of a second.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return "This is no private key in PEM that opens without a password."
        return ""

    return check


# What goes into a header or a query as it is.
_WORD: Final = _like(r"[!-~]{8,200}", "Give 8 to 200 characters without spaces, just as the exchange showed it.")
_PHRASE: Final = _like(r"[ -~]{1,128}", "Give the phrase that you chose with the key, at most 128 plain characters.")
_BASE64: Final = _base64_of(None, "This is no base64 text; copy the secret just as the exchange showed it.")
_UUID: Final = r"[0-9a-fA-F-]{8}-[0-9a-zA-Z-]{4,80}"


@dataclass(frozen=True, slots=True)
class KeyForm:
    """`fields`: what is asked for (ccxt's names), each with its check; `opens`: the venues (ccxt ids) that one key of
    this exchange reaches; `source`: where the form is documented."""

    fields: Mapping[str, Check]
    opens: tuple[str, ...]
    source: str


def _plain(*opens: str, source: str, **checks: Check) -> KeyForm:
    return KeyForm({"apiKey": _WORD, "secret": _WORD} | checks, opens, source)


# Hyperliquid is missing on purpose: what signs there is the key of a wallet, which can always move what is in it.
FORMS: Final[Mapping[str, KeyForm]] = {
    "binance": _plain(
        "binance",
        "binanceusdm",
        "binancecoinm",
        secret=_pem_or(_WORD),
        source="https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security",
    ),
    "bingx": _plain(
        "bingx", source="https://bingx-api.github.io/docs-v3/#/en/Quick%20Start/Signature%20Authentication"
    ),
    "bitget": _plain("bitget", password=_PHRASE, source="https://www.bitget.com/api-doc/common/signature"),
    "bybit": _plain("bybit", source="https://bybit-exchange.github.io/docs/v5/guide#authentication"),
    "coinbase": _plain(
        "coinbase",
        apiKey=_like(
            rf"(organizations/{_UUID}/apiKeys/)?{_UUID}",
            "Give the key's id, or its name organizations/…/apiKeys/….",
        ),
        secret=_pem_or(_base64_of(64, "Give the private key: 64 bytes in base64 (Ed25519) or a PEM (ECDSA).")),
        source="https://docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication",
    ),
    "gate": _plain("gate", source="https://www.gate.com/docs/developers/apiv4/en/#authentication"),
    "htx": _plain("htx", source="https://huobiapi.github.io/docs/spot/v1/en/#authentication"),
    "kraken": _plain("kraken", secret=_BASE64, source="https://docs.kraken.com/api/docs/guides/spot-rest-auth"),
    "krakenfutures": _plain(
        "krakenfutures", secret=_BASE64, source="https://docs.kraken.com/api/docs/guides/futures-rest"
    ),
    "kucoin": _plain(
        "kucoin",
        "kucoinfutures",
        password=_PHRASE,
        source="https://www.kucoin.com/docs/basics/connection-method/authentication/signing-a-message",
    ),
    "mexc": _plain("mexc", source="https://www.mexc.com/api-docs/spot-v3/general-info"),
    "okx": _plain("okx", password=_PHRASE, source="https://www.okx.com/docs-v5/en/#overview-rest-authentication"),
}


def form_problems(exchange: str, credentials: Mapping[str, str]) -> dict[str, Problem]:
    """What is wrong with the form of a key, by field; {} where nothing is. Says nothing of the values.

    KeyError for an exchange that is not in `FORMS`."""
    asked = FORMS[exchange].fields
    known = ", ".join(asked)
    problems = {name: f"Unknown. {exchange} asks for {known}." for name in credentials if name not in asked}
    for name, check in asked.items():
        text = credentials.get(name, "")
        problem = check(text) if text else "This field is required."
        if problem:
            problems[name] = problem
    return problems
