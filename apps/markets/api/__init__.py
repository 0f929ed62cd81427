"""The API face of markets."""
