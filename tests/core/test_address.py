"""Which addresses are outside."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.address import guarded_socket, is_allowed, is_public, vet, vet_url
from apps.core.exceptions import PermanentError

INSIDE = [
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "0.0.0.0",  # noqa: S104
    "100.64.0.1", "100.100.100.200", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1",
    "198.18.0.1", "203.0.113.7", "::", "::1", "::7f00:1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
    "ff02::1", "ff0e::1", "2001:db8::1", "100::1", "fec0::1", "64:ff9b:1::a00:1", "3fff::1", "5f00::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    # Teredo: the server's address in front, the client's inverted behind; either may be inside.
    "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe", "", "localhost", "8.8.8.8/32",
]  # fmt: skip
OUTSIDE = [
    "8.8.8.8", "1.1.1.1", "149.154.167.220", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("ip", INSIDE)
def test_inside_is_not_public(ip: str) -> None:
    assert not is_public(ip)
    with pytest.raises(PermanentError) as caught:
        vet((ip, 80))
    assert caught.value.code == "address_blocked"
    assert ip == "" or ip not in caught.value.message


@pytest.mark.parametrize("ip", OUTSIDE)
def test_outside_is_public(ip: str) -> None:
    assert is_public(ip)
    vet((ip, 443, 0, 0))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_an_address_that_wraps_another_is_as_public_as_the_other(inner: object, wrap: str) -> None:
    assert is_public(wrap.format(inner)) == is_public(str(inner))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "0", "[::1]",
     "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2852039166", "169.254.169.254"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_literals_of_inside_addresses_are_refused_in_every_notation(scheme: str, host: str) -> None:
    with pytest.raises(PermanentError) as caught:
        vet_url(f"{scheme}://{host}/latest/meta-data")
    assert caught.value.code == "address_blocked"


@pytest.mark.parametrize(
    "url",
    ["https://user@example.com/", "https://user:pass@example.com/", "https://:@example.com/", "ftp://example.com/",
     "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "", "https://", "https:///x",
     "http://example.com:99999/", "http://example.com:x/", "http://[::1/", "http://example.com:0/"],
)  # fmt: skip
def test_urls_that_name_no_plain_http_target_are_refused(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        vet_url(url)
    assert caught.value.code == "bad_url"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com/x", ("hooks.example.com", 443)),
        ("http://Hooks.Example.com", ("hooks.example.com", 80)),
        ("http://8.8.8.8:8080/", ("8.8.8.8", 8080)),
        ("https://[2606:4700:4700::1111]/", ("2606:4700:4700::1111", 443)),
    ],
)
def test_outside_urls_pass(url: str, target: tuple[str, int]) -> None:
    assert vet_url(url) == target


def test_only_exactly_what_the_operator_lists_is_allowed(settings) -> None:  # type: ignore[no-untyped-def]
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9100", "Sandbox:9100", "[::1]:9100"]
    assert is_allowed("127.0.0.1", 9100)
    assert is_allowed("sandbox", 9100)
    assert is_allowed("::1", 9100)
    assert not is_allowed("127.0.0.1", 9101)
    assert not is_allowed("127.0.0.2", 9100)
    assert not is_allowed("localhost", 9100)
    assert vet_url("http://127.0.0.1:9100/_sandbox") == ("127.0.0.1", 9100)
    with pytest.raises(PermanentError):
        vet_url("http://127.0.0.1:6379/")


def test_no_socket_is_made_for_an_inside_address() -> None:
    with pytest.raises(PermanentError):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 80)))
    made = guarded_socket((socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("2606:4700::1", 80, 0, 0)))
    try:
        assert made.family is socket.AF_INET6
    finally:
        made.close()
