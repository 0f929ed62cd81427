"""The front of the web processes."""
