"""Fields that several forms of this room have."""

from typing import Any

from rest_framework import serializers

from apps.accounts.enums import Tier
from apps.accounts.profile import LOCALES, locale_check, timezone_check


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


class TimezoneField(serializers.CharField):
    """An IANA name that there is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, help_text="IANA name", **options)

    def to_internal_value(self, data: Any) -> str:
        """The name, or why not."""
        try:
            return timezone_check(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class LocaleField(serializers.CharField):
    """One of the locales that are offered, spelt as it is there."""

    def __init__(self, **options: Any) -> None:
        words = f"one that is offered (`profile.locales`), by default {LOCALES}"
        super().__init__(max_length=16, help_text=words, **options)

    def to_internal_value(self, data: Any) -> str:
        """The locale, or why not."""
        try:
            return locale_check(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
