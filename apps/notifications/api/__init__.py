"""The API face of opportunities."""
