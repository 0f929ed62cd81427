"""App configuration of the project itself: wires the pipeline once all rooms are loaded."""

import gc

from django.apps import AppConfig


class ArbedgeConfig(AppConfig):
    name = "arbedge"
    label = "arbedge"

    def ready(self) -> None:
        # Shared tasks need the Celery app before the first one is published, in web processes too.
        import arbedge.celery  # noqa: F401
        from arbedge import pipeline

        pipeline.connect()
        if not gc.isenabled():
            # All that was loaded stays for as long as the process: rounds need not walk it.
            gc.freeze()
            gc.enable()
