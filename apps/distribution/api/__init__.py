"""The API face of distribution."""
