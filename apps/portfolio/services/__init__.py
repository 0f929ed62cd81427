"""Writes: what exchanges say about people's keys."""

from apps.portfolio.services.key_check import exchange_key_check, exchange_keys_ring

__all__ = ["exchange_key_check", "exchange_keys_ring"]
