"""App configuration of the project itself: wires the pipeline once all rooms are loaded."""

from django.apps import AppConfig


class ArbedgeConfig(AppConfig):
    name = "arbedge"
    label = "arbedge"

    def ready(self) -> None:
        import arbedge.celery  # noqa: F401  (shared tasks need the app before the first one is published)
