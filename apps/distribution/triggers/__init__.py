"""Kinds of alert triggers: one file each, and a row in `registry.py`."""
