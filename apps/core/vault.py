"""Secrets at rest: Fernet tokens bound to the row and field they belong to, under a list of keys that can rotate."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from apps.core.exceptions import OperatorError
from apps.core.later import later

if TYPE_CHECKING:
    from cryptography import fernet
else:
    fernet = later("cryptography.fernet")

KEY_BYTES = 32

_fields: list[tuple[str, str]] = []


def register(model: str, field: str) -> None:
    """Name a text field ("app.Model", "field") that holds tokens, so that `manage.py rotate_keys` walks it."""
    if (model, field) not in _fields:
        _fields.append((model, field))


def registered() -> tuple[tuple[str, str], ...]:
    """Every (model label, field) that holds tokens."""
    return tuple(_fields)


def encrypt(text: str, *, context: str) -> str:
    """A token of `text` that opens only under the same `context` ("app.Model:pk:field").

    Raises OperatorError(code="vault_keys") without usable keys."""
    payload = json.dumps([context, text], ensure_ascii=False).encode()
    return _box().encrypt(payload).decode()


def decrypt(token: str, *, context: str) -> str:
    """The text of `token`; OperatorError(code="vault_token") if no key opens it or it was made for another context."""
    try:
        bound, text = json.loads(_box().decrypt(token.encode()))
    except fernet.InvalidToken:
        raise OperatorError("A stored secret opens with none of VAULT_KEYS.", code="vault_token") from None
    if bound != context:
        raise OperatorError("A stored secret belongs to another row or field.", code="vault_token")
    return str(text)


def rotate(token: str) -> str:
    """The same secret under the first key; a token that already is under it comes back unchanged."""
    keys = _keys()
    try:
        fernet.Fernet(keys[0]).decrypt(token.encode())
    except fernet.InvalidToken:
        pass
    else:
        return token
    try:
        return _box().rotate(token.encode()).decode()
    except fernet.InvalidToken:
        raise OperatorError("A stored secret opens with none of VAULT_KEYS.", code="vault_token") from None


def mask(secret: str) -> str:
    """What people may see of a secret: its last four characters, and not even those of a short one."""
    return f"••••{secret[-4:]}" if len(secret) >= 12 else "••••"


def key_problems(keys: Sequence[str]) -> list[str]:
    """What is wrong with a list of keys, in words that do not show them."""
    if not keys:
        return ["VAULT_KEYS is empty: generate a key with `python manage.py vault_key`."]
    return [f"VAULT_KEYS: key number {n} is not a Fernet key." for n, key in enumerate(keys, 1) if not _usable(key)]


def _usable(key: str) -> bool:
    # What Fernet itself asks of a key: https://github.com/fernet/spec/blob/master/Spec.md#key-format
    try:
        return len(base64.urlsafe_b64decode(key)) == KEY_BYTES
    except ValueError:
        return False


def _keys() -> tuple[str, ...]:
    keys = tuple(settings.VAULT_KEYS)
    problems = key_problems(keys)
    if problems:
        raise OperatorError(" ".join(problems), code="vault_keys")
    return keys


def _box() -> fernet.MultiFernet:
    return _made(_keys())


@cache
def _made(keys: tuple[str, ...]) -> fernet.MultiFernet:
    return fernet.MultiFernet([fernet.Fernet(key) for key in keys])
