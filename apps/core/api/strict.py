"""Requests whose every field is known."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

# So many unknown names are told.
_TOLD: Final = 100


class StrictMixin:
    """Refuses fields that are not declared: a misspelt one would otherwise look as if it had been obeyed."""

    def to_internal_value(self, data: Any) -> Any:
        """Name the unknown fields, then check the others."""
        if isinstance(data, Mapping):
            unknown = sorted(set(map(str, data)) - set(self.fields))  # type: ignore[attr-defined]
            if unknown:
                known = ", ".join(self.fields)  # type: ignore[attr-defined]
                raise serializers.ValidationError(dict.fromkeys(unknown[:_TOLD], f"Unknown. Use {known}."))
        return super().to_internal_value(data)  # type: ignore[misc]
