"""Addresses as people may see them."""

from urllib.parse import urlsplit

from apps.core.vault import mask


def address_shown(address: str) -> str:
    """An address in lists and answers: the path or query of a URL can be its secret (Slack's and Discord's are)."""
    if "://" not in address:
        return address
    url = urlsplit(address)
    return f"{url.scheme}://{url.hostname}/{mask(address)}"
