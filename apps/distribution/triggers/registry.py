"""The table of kinds of alert triggers. What is not listed is not offered."""

from typing import TYPE_CHECKING, Any

from apps.core.registry import Registry

if TYPE_CHECKING:
    from apps.distribution.triggers.base import Kind

KINDS: "Registry[Kind[Any]]" = Registry(
    "alert kind",
    "apps.distribution.triggers.base.Kind",
    {
        "price": "apps.distribution.triggers.price.Price",
        "funding": "apps.distribution.triggers.funding.Funding",
        "opportunity": "apps.distribution.triggers.opportunity.Threshold",
        "custom": "apps.distribution.triggers.custom.Custom",
    },
)
