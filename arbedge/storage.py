"""Where the archive and attachments are stored, each from one address in the environment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_QUERY = {"endpoint": "endpoint_url", "region": "region_name"}
Problem = Callable[[str], None]


def archive_storage(url: str, *, folder: Path, problem: Problem) -> dict[str, Any]:
    """The entry of Django's STORAGES for ARCHIVE_URL; see `storage_at`."""
    return storage_at(url, setting="ARCHIVE_URL", folder=folder, problem=problem)


def storage_at(
    url: str, *, setting: str, folder: Path, problem: Problem, bucket: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The entry of Django's STORAGES for an address: "" is `folder`, `file:///path` another one, and
    `s3://bucket/prefix?endpoint=https://…&region=…` a bucket, whose keys are AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY of the environment. Anything else goes to `problem` in words that name the setting. `bucket`
    are further options of a bucket: its time-outs."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        query = dict(parse_qsl(parts.query))
        unknown = ", ".join(sorted(set(query) - set(_QUERY)))
        if unknown:
            problem(f"{setting} has unknown parts: {unknown}; known are {', '.join(_QUERY)}.")
        options = {_QUERY[key]: value for key, value in query.items() if key in _QUERY}
        place = {"bucket_name": parts.netloc, "location": parts.path.strip("/"), "file_overwrite": True}
        return {"BACKEND": "apps.core.bucket.Bucket", "OPTIONS": place | options | (bucket or {})}
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        folder = Path(parts.path)
    elif url:
        problem(
            f"{setting}={url!r} is not an address: use file:///path or s3://bucket/prefix?endpoint=URL&region=NAME."
        )
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(folder), "allow_overwrite": True},
    }
