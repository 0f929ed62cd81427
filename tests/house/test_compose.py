"""The compose file runs the processes of the one table and nothing with a default secret."""

import re
from pathlib import Path

import yaml

from arbedge.run.processes import processes

COMPOSE = yaml.safe_load(Path("docker-compose.yml").read_text())


def words(argv: str) -> list[str]:
    """A command line without what differs between one machine and containers."""
    skipped = re.compile(r"0\.0\.0\.0|127\.0\.0\.1")
    return [skipped.sub("HOST", word) for word in argv.split()]


def test_same_commands_as_the_process_table() -> None:
    for process in processes(web_port=8000, flower_port=5555, streaming=True):
        argv = " ".join(process.argv[1:]).replace("--pidfile  ", "--pidfile= ")
        theirs = words(COMPOSE["services"][process.name]["command"].removeprefix("python "))
        ours = words(argv)
        if process.name == "web":
            ours[ours.index("--workers") + 1] = theirs[theirs.index("--workers") + 1]
        assert theirs == ours, process.name


def test_no_secret_has_a_default() -> None:
    text = Path("docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "VAULT_KEYS", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH"):
        uses = re.findall(rf"\$\{{{name}(.*?)\}}", text)
        assert uses, name
        assert set(uses) == {":?"}, name


def test_services_run_unprivileged() -> None:
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "arbedge":
            assert service["user"] == "10001:10001", name
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
