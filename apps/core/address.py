"""Where outbound calls may go: public unicast addresses, plus what the operator lists in `OUTBOUND_ALLOW`."""

import ipaddress
import socket
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.core.exceptions import PermanentError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052: the last 32 bits are the IPv4 address a translator connects to.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291 and the IANA registry: the only range from which global unicast addresses are given out.
_GLOBAL_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
# RFC 9637; newer than the tables of Python 3.11.
_DOCUMENTATION_6 = ipaddress.IPv6Network("3fff::/20")


def is_public(ip: str | IPAddress) -> bool:
    """Whether `ip` is a global unicast address, judged by the IPv4 address inside where it only wraps one.

    `is_private` is not enough: it lets carrier NAT, multicast, NAT64 and 6to4 through (cloud metadata sits there)."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = _wrapped(address)
    if inner:
        return all(is_public(each) for each in inner)
    return address in _GLOBAL_UNICAST_6 and address not in _DOCUMENTATION_6 and address.is_global


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator lists exactly this "host:port", as it is written in the URL, in `OUTBOUND_ALLOW`."""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}".lower() in _allowed(tuple(settings.OUTBOUND_ALLOW))


@lru_cache(maxsize=8)
def _allowed(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(entry.lower() for entry in entries)


def vet(sockaddr: tuple[Any, ...]) -> None:
    """Raise PermanentError(code="address_blocked") unless the socket address about to be connected is public."""
    if not is_public(str(sockaddr[0])):
        raise _blocked()


def vet_url(url: str) -> tuple[str, int]:
    """The (host, port) of an http(s) URL fit to be called; what is written in it, not what its name resolves to.

    Raises PermanentError: "bad_url" for other schemes, user names in the URL, a missing host or port; "address_blocked"
    for a literal inside address in any notation. Early advice for forms only: the socket is what decides."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("it cannot be parsed") from None
    if parts.scheme not in ("http", "https"):
        raise _bad("it must start with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise _bad("it must not carry a user name or password")
    host = parts.hostname
    if not host or port == 0:
        raise _bad("it names no host or no usable port")
    port = port or (443 if parts.scheme == "https" else 80)
    if not host.isprintable():
        raise _bad("its host is no name")
    literal = _literal(host)
    if literal is not None and not is_allowed(host, port) and not is_public(literal):
        raise _blocked()
    return host, port


def guarded_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for `addr_info` (as from getaddrinfo) once its address is vetted.

    The `socket_factory` of aiohttp's connector: called for each connect, also for literals, which skip its resolver."""
    family, kind, protocol, _, sockaddr = addr_info
    vet(sockaddr)
    return socket.socket(family=family, type=kind, proto=protocol)


def _wrapped(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Decimal, octal, hexadecimal and short forms, read as the C library will read them.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _bad(why: str) -> PermanentError:
    return PermanentError(f"This URL cannot be used: {why}.", code="bad_url")


def _blocked() -> PermanentError:
    # The address stays unsaid: the answer must not become a map of the inside.
    return PermanentError("This address is not public, so it may not be called.", code="address_blocked")
