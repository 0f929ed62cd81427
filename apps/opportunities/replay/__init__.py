"""Recorded quotes through the very same strategies: what would have been found, for how long, and what it was worth."""
