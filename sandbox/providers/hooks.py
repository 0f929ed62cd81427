"""A trader's own server: takes webhooks and checks their Standard Webhooks signature.

Specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii

import msgspec
import orjson
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Rate
from sandbox.providers.oauth2 import TokenServer

HOST = "hooks.sandbox.test"
# Nobody publishes a figure for other people's servers: these are what docs/channels.md promises their owners.
PER_URL = (Rate(10, 1.0, 10), Rate(300, 60.0, 300))
PER_HOST = Rate(200, 1.0, 200)


class SecretError(ValueError):
    """A signing secret that no Standard Webhooks library would take."""


def secret_check(secret: str) -> None:
    """Raises SecretError unless it is `whsec_` and standard base64 of 24 to 64 bytes."""
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except binascii.Error as error:
        raise SecretError(f"not standard base64 ({error})") from None
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        raise SecretError(f"must be whsec_ and base64 of 24 to 64 bytes (got {size})")


class HookRules(msgspec.Struct, forbid_unknown_fields=True):
    """What a receiver asks for besides a signature: headers with these values, a token of the sandbox's token server,
    bodies that are not packed."""

    headers: dict[str, str] = {}
    oauth2: bool = False
    unpacked: bool = False


class Hooks:
    """Receivers by name; `/orders` at the hooks' host and `/_sandbox/hooks/orders` are the same one."""

    def __init__(self, inbox: Inbox, tokens: TokenServer) -> None:
        self._inbox = inbox
        self._tokens = tokens
        self._secrets: dict[str, list[str]] = {}
        self._rules: dict[str, HookRules] = {}

    def reset(self) -> None:
        """Forget the secrets and the rules."""
        self._secrets.clear()
        self._rules.clear()

    def rule(self, rules: dict[str, HookRules]) -> None:
        """Set what hooks ask for, by name or URL; others stay as they are."""
        self._rules.update({_name(name): rule for name, rule in rules.items()})

    def tell(self, secrets: dict[str, str | list[str] | None]) -> None:
        """Set the secrets of hooks by name or URL (None forgets one); several while a secret is being rotated.

        Raises SecretError naming the hook; nothing is changed then."""
        for name, value in secrets.items():
            for secret in [value] if isinstance(value, str) else value or []:
                try:
                    secret_check(secret)
                except SecretError as error:
                    raise SecretError(f"the secret of hook {name!r} {error}") from None
        for name, value in secrets.items():
            if value is None:
                self._secrets.pop(_name(name), None)
            else:
                self._secrets[_name(name)] = [value] if isinstance(value, str) else list(value)

    def scopes(self, call: Call) -> list[tuple[str, Rate]]:
        """A webhook counts for its URL and for the host."""
        name = _name(call.path)
        second, minute = PER_URL
        return [(f"url {name}", second), (f"url_minute {name}", minute), ("all", PER_HOST)]

    def answer(self, call: Call) -> Answer:
        """Take one webhook: 401 when its signature is bad; without a told secret or rule nothing is checked."""
        if call.method != "POST":
            return json_answer({"error": "send a POST"}, 405, {"Allow": "POST"})
        name = _name(call.path)
        refusal = self._refusal(name, call)
        if refusal is not None:
            return refusal
        signature_ok = self._verify(name, call)
        status = 401 if signature_ok is False else 200
        self._inbox.add(
            provider="webhook",
            to=name,
            body=_decoded(call.body),
            at=call.now,
            url=call.url,
            raw=call.body.decode(errors="replace"),
            headers={key.lower(): value for key, value in call.headers.items()},
            signature_ok=signature_ok,
            status=status,
        )
        if status == 401:
            return json_answer({"error": "invalid signature"}, status)
        return json_answer({"received": True}, status)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """The body of an error status."""
        return orjson.dumps({"error": f"status {status}", "retry_after": retry_after})

    def _refusal(self, name: str, call: Call) -> Answer | None:
        """Where the rules are not kept: 415 for a packed body (RFC 9110 section 15.5.16), 401 for a missing sign-in."""
        rules = self._rules.get(name, HookRules())
        headers = {key.lower(): value for key, value in call.headers.items()}
        if rules.unpacked and headers.get("content-encoding", "identity") != "identity":
            return json_answer({"error": "unsupported content coding"}, 415, {"Accept-Encoding": "identity"})
        signed_in = all(headers.get(key.lower()) == value for key, value in rules.headers.items())
        if rules.oauth2:
            signed_in = signed_in and self._tokens.knows(headers.get("authorization", ""), call.now)
        return None if signed_in else json_answer({"error": "sign in"}, 401, {"WWW-Authenticate": "Bearer"})

    def _verify(self, name: str, call: Call) -> bool | None:
        secrets = self._secrets.get(name)
        if secrets is None:
            return None
        headers = {key.lower(): value for key, value in call.headers.items()}
        for secret in secrets:
            try:
                Webhook(secret).verify(call.body, headers, json_parse=False)
            except (WebhookVerificationError, ValueError):
                # ValueError: a header that isn't `v1,<base64>`, a body that isn't text.
                continue
            return True
        return False


def _name(target: str) -> str:
    """`trader` of `trader`, `/trader`, `/_sandbox/hooks/trader` and `https://hooks.sandbox.test/trader`."""
    path = target.split("://", 1)[1].partition("/")[2] if "://" in target and not target.startswith("/") else target
    return path.split("/_sandbox/hooks/", 1)[-1].strip("/")


def _decoded(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
