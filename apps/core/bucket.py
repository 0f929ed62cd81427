"""Files in an S3-compatible bucket. Loads boto3: Django makes it when a file is written or read, never before."""

from typing import Any

from botocore.config import Config
from storages.backends.s3 import S3Storage

# What the archive's readers wait for; its spool keeps what could not be stored.
CONNECT_S = 5
READ_S = 30
ATTEMPTS = 2


class Bucket(S3Storage):  # type: ignore[misc]
    """django-storages' S3 with time-outs: boto3's own are a minute each, five times."""

    def __init__(
        self, *, connect_s: float = CONNECT_S, read_s: float = READ_S, attempts: int = ATTEMPTS, **settings: Any
    ) -> None:
        config = Config(
            connect_timeout=connect_s, read_timeout=read_s, retries={"mode": "standard", "total_max_attempts": attempts}
        )
        super().__init__(client_config=config, **settings)
