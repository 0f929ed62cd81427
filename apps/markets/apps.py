"""App configuration."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    name = "apps.markets"
    label = "markets"

    def ready(self) -> None:
        from apps.core import health
        from apps.markets import checks  # noqa: F401  (importing registers them)
        from apps.markets.exchanges import registry  # noqa: F401  (its rows are verified by the system check)
        from apps.markets.health import archive_probe, probe, reads_probe

        health.register("markets", probe)
        health.register("market_archive", archive_probe)
        health.register("market_reads", reads_probe)
