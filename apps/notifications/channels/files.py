"""Files on their way: which of them a channel carries itself, and how the others are told of by their links."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from apps.notifications.enums import TextFormat
from apps.notifications.types import Attached


@dataclass(frozen=True, slots=True)
class Carries:
    """What a channel takes of files: at most `count` in a message, each of at most `max_bytes` and all together of
    `total_bytes`, and beside them words of at most `caption` UTF-16 units as they are read (0: as many as ever)."""

    count: int
    max_bytes: int
    total_bytes: int
    caption: int = 0


def parted(files: Iterable[Attached], carries: Carries | None) -> tuple[list[Attached], list[Attached]]:
    """Those that are carried, and those whose links go instead."""
    carried: list[Attached] = []
    linked: list[Attached] = []
    room = carries.total_bytes if carries else 0
    for file in files:
        if (
            carries is not None
            and file.content is not None
            and len(carried) < carries.count
            and len(file.content) <= min(carries.max_bytes, room)
        ):
            carried.append(file)
            room -= len(file.content)
        else:
            linked.append(file)
    return carried, linked


def links(files: Sequence[Attached], text_format: TextFormat) -> str:
    """A line for each file; JSON has them among its data."""
    if text_format is TextFormat.HTML:
        return "\n".join(
            f'<div><a href="{escape(one.url)}">{escape(one.filename)}</a> ({_size(one.size)})</div>' for one in files
        )
    if text_format is TextFormat.PLAIN:
        return "\n".join(f"{one.filename}: {one.url}" for one in files)
    return ""


def multipart(fields: Mapping[str, str], files: Mapping[str, Attached]) -> tuple[bytes, str]:
    """The body of a form with files (RFC 7578), and its content type. File names are ours: they need no quoting."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, file in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file.filename}"\r\n'
        parts.append(f"{head}Content-Type: {file.content_type}\r\n\r\n".encode() + (file.content or b"") + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _size(size: int) -> str:
    return f"{max(1, round(size / 1000)):,} kB"
