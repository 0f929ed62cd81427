"""App configuration of the project itself: wires the pipeline once all rooms are loaded."""

from django.apps import AppConfig


class ArbedgeConfig(AppConfig):
    name = "arbedge"
    label = "arbedge"

    def ready(self) -> None:
        # Shared tasks need the Celery app before the first one is published, in web processes too.
        import arbedge.celery  # noqa: F401
        from arbedge import pipeline

        pipeline.connect()
