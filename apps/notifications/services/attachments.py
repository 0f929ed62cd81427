"""Files that go with messages: checked, stored once by their content, kept under the names of a bundle."""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction

from apps.core import config
from apps.core.exceptions import PermanentError, TemporaryError
from apps.notifications.models import Attachment, StoredFile

STORAGE: Final = "attachments"
# Attaching is over long before that; what was used less than so long ago is never deleted.
_UNUSED_FOR: Final = timedelta(hours=1)
_BATCH: Final = 200
_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(starts)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


# What may be attached, the endings of its names, and whether content is that. No SVG: opened by itself it runs scripts.
_TYPES: Final[dict[str, tuple[tuple[str, ...], Callable[[bytes], bool]]]] = {
    "image/png": ((".png",), _begins(b"\x89PNG\r\n\x1a\n")),
    "image/jpeg": ((".jpg", ".jpeg"), _begins(b"\xff\xd8\xff")),
    "application/pdf": ((".pdf",), _begins(b"%PDF-")),
    "text/csv": ((".csv",), _is_text),
    "text/html": ((".html",), _is_text),
    "text/plain": ((".txt",), _is_text),
    "application/json": ((".json",), _is_text),
}


def attachment_store(
    *, bundle: str, filename: str, content_type: str, content: bytes, expires_at: datetime, now: datetime
) -> Attachment:
    """Keep a file for all messages of `bundle`, in place of the one that has its name there.

    PermanentError(code="attachment_type" | "attachment_name" | "attachment_empty" | "attachment_too_large" |
    "attachment_too_many") refuses it, TemporaryError(code="storage") says that the storage is away."""
    _check(filename, content_type, content)
    _check_room(bundle, filename)
    file = _stored(content, content_type, now)
    with transaction.atomic():
        attachment, _ = Attachment.objects.update_or_create(
            bundle=bundle,
            filename=filename,
            defaults={"file": file, "expires_at": expires_at},
            create_defaults={"file": file, "expires_at": expires_at, "created_at": now},
        )
    return attachment


def attachments_prune(*, now: datetime) -> int:
    """Forget attachments past their time, and delete the files that none refers to any more; returns how many files."""
    Attachment.objects.filter(expires_at__lt=now).delete()
    unused = StoredFile.objects.filter(used_at__lt=now - _UNUSED_FOR, attachments__isnull=True)
    unused.filter(doomed_at__isnull=True).update(doomed_at=now)
    deleted = 0
    while batch := list(StoredFile.objects.filter(doomed_at__isnull=False)[:_BATCH]):
        for file in batch:
            # The row goes after the file: whoever is killed in between leaves it for the next run.
            storages[STORAGE].delete(file.path)
            file.delete()
        deleted += len(batch)
    return deleted


def bundled(bundles: Iterable[str], *, now: datetime) -> dict[str, list[Attachment]]:
    """The attachments of these bundles with their files, by bundle, in the order of their names."""
    wanted = {bundle for bundle in bundles if bundle}
    found: dict[str, list[Attachment]] = {}
    if wanted:
        rows = Attachment.objects.filter(bundle__in=wanted, expires_at__gt=now).select_related("file")
        for row in rows.order_by("bundle", "filename"):
            found.setdefault(row.bundle, []).append(row)
    return found


def _check(filename: str, content_type: str, content: bytes) -> None:
    if content_type not in _TYPES:
        raise PermanentError(f"A file of type {content_type!r} can't be attached.", code="attachment_type")
    endings, fits = _TYPES[content_type]
    if not _NAME.match(filename) or not filename.lower().endswith(endings):
        raise PermanentError(
            f"{filename!r} is no name for {content_type}: letters, digits, . _ - and {' or '.join(endings)}.",
            code="attachment_name",
        )
    if not content:
        raise PermanentError(f"{filename} is empty.", code="attachment_empty")
    most = config.get("notifications.attachment_kb") * 1024
    if len(content) > most:
        raise PermanentError(
            f"{filename} has {len(content):,} bytes, {most:,} are allowed.", code="attachment_too_large"
        )
    if not fits(content):
        raise PermanentError(f"{filename} is not what it is said to be: {content_type}.", code="attachment_type")


def _check_room(bundle: str, filename: str) -> None:
    most = config.get("notifications.attachments")
    if Attachment.objects.filter(bundle=bundle).exclude(filename=filename).count() >= most:
        raise PermanentError(f"A message carries at most {most} files.", code="attachment_too_many")


def _stored(content: bytes, content_type: str, now: datetime) -> StoredFile:
    """The row of this content, its file being on the storage."""
    digest = hashlib.sha256(content).hexdigest()
    file = _row(digest, content_type, len(content), now)
    if file.stored_at is None:
        # Two at once write the same bytes.
        _write(file.path, content)
        StoredFile.objects.filter(pk=file.pk).update(stored_at=now)
    return file


def _write(path: str, content: bytes) -> None:
    try:
        storages[STORAGE].save(path, ContentFile(content))
    except Exception as error:
        # Each storage has errors of its own.
        raise TemporaryError(f"The file could not be stored: {type(error).__name__}.", code="storage") from error


def _row(digest: str, content_type: str, size: int, now: datetime) -> StoredFile:
    """A row that cannot be doomed for a while."""
    live = StoredFile.objects.filter(sha256=digest, content_type=content_type, doomed_at__isnull=True)
    while True:
        if live.update(used_at=now):
            found = live.first()
            if found is not None:
                return found
        try:
            with transaction.atomic():
                return StoredFile.objects.create(sha256=digest, content_type=content_type, size=size, used_at=now)
        except IntegrityError:
            # Somebody else has just made it.
            continue
