"""Replays of recordings, real and generated."""
