"""Forms with files (RFC 7578), as providers of messages read them."""

import hashlib
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

from sandbox.calls import Call

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
File = dict[str, Any]


def is_form(call: Call) -> bool:
    """Whether the call says that it is one."""
    return call.headers.get("content-type", "").startswith("multipart/form-data")


def form_read(call: Call) -> tuple[dict[str, str], dict[str, File]]:
    """Its fields and its files, both by name. ValueError for what is no form."""
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + call.body, policy=policy.HTTP)
    if not isinstance(message, EmailMessage) or not message.is_multipart() or message.defects:
        raise ValueError("not multipart/form-data")
    fields: dict[str, str] = {}
    files: dict[str, File] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or part.get_content_disposition() != "form-data":
            raise ValueError("a part without a name")
        if part.get_filename() is None:
            fields[name] = _bytes(part).decode()
        else:
            files[name] = file_told(part)
    return fields, files


def file_told(part: Message) -> File:
    """What the ledger keeps of a file: everything but its content."""
    content = _bytes(part)
    return {
        "filename": part.get_filename(),
        "content_type": part.get_content_type(),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "is_image": content.startswith((PNG, JPEG)),
    }


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
