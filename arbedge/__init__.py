"""The project: settings, Celery app, URLs and the flow (`pipeline`), written down once."""
