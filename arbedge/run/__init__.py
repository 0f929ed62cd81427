"""`make run` and `make live`: everything on one machine, started, watched, told in words and stopped cleanly."""
