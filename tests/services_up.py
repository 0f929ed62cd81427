"""`python -m tests.services_up [--export]`: are PostgreSQL, Redis and RabbitMQ running for the tests to use?

The addresses come from DATABASE_URL, REDIS_URL and CELERY_BROKER_URL, else the usual local ones. Exit status 0 if all
three answer. `--export` prints them as shell exports."""

import os
import shlex
import sys

import kombu
import psycopg
import redis

URLS = {
    "DATABASE_URL": os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"),
    # Numbers that nothing else is likely to use: the tests empty them.
    "REDIS_URL": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/14"),
    "CACHE_URL": os.environ.get("CACHE_URL", "redis://127.0.0.1:6379/15"),
    "CELERY_BROKER_URL": os.environ.get("CELERY_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}


def missing() -> list[str]:
    """What does not answer, with the reason."""
    problems = []
    try:
        psycopg.connect(URLS["DATABASE_URL"], connect_timeout=3).close()
    except psycopg.Error as error:
        problems.append(f"PostgreSQL: {error}")
    try:
        redis.Redis.from_url(URLS["REDIS_URL"], socket_timeout=3).ping()
    except redis.exceptions.RedisError as error:
        problems.append(f"Redis: {error}")
    try:
        with kombu.Connection(URLS["CELERY_BROKER_URL"], connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except (OSError, kombu.exceptions.OperationalError) as error:
        problems.append(f"RabbitMQ: {error}")
    return problems


if __name__ == "__main__":
    if "--export" in sys.argv[1:]:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in URLS.items()))
        sys.exit(0)
    found = missing()
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found else 0)
