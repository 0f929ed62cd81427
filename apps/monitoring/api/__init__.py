"""The API face of monitoring."""
