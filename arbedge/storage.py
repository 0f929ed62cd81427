"""Where the archive is stored, from one address in the environment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_QUERY = {"endpoint": "endpoint_url", "region": "region_name"}


def archive_storage(url: str, *, folder: Path, problem: Callable[[str], None]) -> dict[str, Any]:
    """The entry of Django's STORAGES for an address: "" is `folder`, `file:///path` another one, and
    `s3://bucket/prefix?endpoint=https://…&region=…` a bucket, whose keys are AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY of the environment. Anything else goes to `problem` in words."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return _bucket(parts.netloc, parts.path.strip("/"), dict(parse_qsl(parts.query)), problem)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        folder = Path(parts.path)
    elif url:
        problem(
            f"ARCHIVE_URL={url!r} is not an address: use file:///path or s3://bucket/prefix?endpoint=URL&region=NAME."
        )
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(folder), "allow_overwrite": True},
    }


def _bucket(name: str, prefix: str, query: dict[str, str], problem: Callable[[str], None]) -> dict[str, Any]:
    unknown = ", ".join(sorted(set(query) - set(_QUERY)))
    if unknown:
        problem(f"ARCHIVE_URL has unknown parts: {unknown}; known are {', '.join(_QUERY)}.")
    options = {_QUERY[key]: value for key, value in query.items() if key in _QUERY}
    return {
        "BACKEND": "apps.markets.archive.bucket.ArchiveBucket",
        "OPTIONS": {"bucket_name": name, "location": prefix, "file_overwrite": True} | options,
    }
