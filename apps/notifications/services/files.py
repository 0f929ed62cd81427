"""The files of a message as its channel gets them, and the signed links behind which everybody finds them."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.files.storage import storages

from apps.core.exceptions import PermanentError
from apps.notifications.models import Attachment, StoredFile
from apps.notifications.services.attachments import STORAGE
from apps.notifications.types import Attached

logger = logging.getLogger(__name__)

PATH: Final = "/api/v1/notifications/files/"
# One chart goes to thousands of readers: a process reads it once.
_KEPT_BYTES: Final = 20_000_000
# A storage that is away is not asked again for every message.
_AWAY_S: Final = 30.0
_signer = signing.Signer(sep=".", salt="notifications.files")
_lock = threading.Lock()
_kept: OrderedDict[UUID, bytes] = OrderedDict()
_missing: dict[UUID, float] = {}


def file_url(attachment: Attachment) -> str:
    """Its link: nobody can guess it, whoever has it may fetch the file until the attachment expires."""
    return f"{settings.PUBLIC_URL}{PATH}{_signer.sign(attachment.pk.hex)}"


def file_of(*, token: str, now: datetime) -> Attachment:
    """The attachment behind a link, its file loaded. PermanentError(code="file_invalid" | "file_expired")."""
    try:
        pk = UUID(_signer.unsign(token))
    except (signing.BadSignature, ValueError):
        raise PermanentError("This link is not one of ours.", code="file_invalid") from None
    found = Attachment.objects.select_related("file").filter(pk=pk, expires_at__gt=now).first()
    if found is None:
        raise PermanentError("This file is no longer kept.", code="file_expired")
    return found


def attached(attachment: Attachment, *, read: bool) -> Attached:
    """The file for a channel; with `read` its content, as far as the storage gives it."""
    return Attached(
        filename=attachment.filename,
        content_type=attachment.file.content_type,
        size=attachment.file.size,
        url=file_url(attachment),
        content=content_of(attachment.file) if read else None,
    )


def content_of(file: StoredFile) -> bytes | None:
    """The bytes, or None where the storage does not have them, is away or gives others than were stored; the log says
    which."""
    with _lock:
        if file.pk in _kept:
            _kept.move_to_end(file.pk)
            return _kept[file.pk]
        if _missing.get(file.pk, 0.0) > time.monotonic():
            return None
    content = _read(file)
    with _lock:
        if content is None:
            _missing[file.pk] = time.monotonic() + _AWAY_S
            while len(_missing) > 1000:
                _missing.pop(next(iter(_missing)))
            return None
        _missing.pop(file.pk, None)
        _kept[file.pk] = content
        while sum(map(len, _kept.values())) > _KEPT_BYTES:
            _kept.popitem(last=False)
    return content


def forget() -> None:
    """Read every file anew."""
    with _lock:
        _kept.clear()
        _missing.clear()


def _read(file: StoredFile) -> bytes | None:
    try:
        with storages[STORAGE].open(file.path) as opened:
            # One byte more than there should be tells a file that somebody else wrote.
            content: bytes = opened.read(file.size + 1)
    except Exception as error:  # noqa: BLE001 (each storage has errors of its own; a message goes without its file)
        logger.error("File %s can't be read from the storage: %s", file.path, type(error).__name__)
        return None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        logger.error("File %s is not what was stored", file.path)
        return None
    return content
