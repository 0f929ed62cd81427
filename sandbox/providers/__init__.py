"""Providers that carry messages to people."""
