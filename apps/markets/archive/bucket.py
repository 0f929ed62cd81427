"""The archive in an S3-compatible bucket. Loads boto3: Django makes it when a part is written or read, never before."""

from typing import Any

from botocore.config import Config
from storages.backends.s3 import S3Storage

# Whoever reads from the archive waits for this; the spool keeps what could not be stored.
CONNECT_S = 5
READ_S = 30
ATTEMPTS = 2


class ArchiveBucket(S3Storage):  # type: ignore[misc]
    """django-storages' S3 with time-outs: boto3's own are a minute each, five times."""

    def __init__(self, **settings: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "total_max_attempts": ATTEMPTS}
        )
        super().__init__(client_config=config, **settings)
