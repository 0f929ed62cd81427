"""Fields that several forms of this room have."""

from typing import Any

from rest_framework import serializers

from apps.accounts.enums import Tier


class TierField(serializers.ChoiceField):
    """A tier by name; the old name of one is taken as well, and never given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Tier.choices, **options)

    def to_internal_value(self, data: Any) -> Tier:
        """The tier."""
        try:
            return Tier(data)
        except ValueError:
            return Tier(super().to_internal_value(data))
