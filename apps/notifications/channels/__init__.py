"""Ways to reach a person: one file per channel, one row in `registry.py`, one line in the contract test."""
