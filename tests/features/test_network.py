"""One address has one key however it is spelt; what is nobody's address has none."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.network import LEVELS, named, network, network_table, spelling

PUBLIC_6 = st.integers(0x2400_0000 << 96, (0x2C00_0000 << 96) - 1).map(ipaddress.IPv6Address)
ANY_4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


def spellings(ip: ipaddress.IPv6Address) -> list[str]:
    groups = ip.exploded.split(":")
    return [
        str(ip),
        ip.exploded,
        ip.exploded.upper(),
        ":".join(group.lstrip("0") or "0" for group in groups),
        f" {ip}%eth0 ",
        f"[{ip.exploded}]:443",
        f"[{ip}]",
    ]


@settings(deadline=None)
@given(PUBLIC_6)
def test_every_spelling_of_an_ipv6_address_has_its_networks(ip: ipaddress.IPv6Address) -> None:
    around = [str(ipaddress.ip_network((ip, bits), strict=False)) for bits in (64, 56, 48)]
    assert {network(text) for text in spellings(ip)} == {(str(ip), *around)}
    assert {spelling(text) for text in spellings(ip)} == {around[0]}


@settings(deadline=None)
@given(ANY_4)
def test_an_ipv4_address_links_exactly_when_it_is_public(ip: ipaddress.IPv4Address) -> None:
    public = ip.is_global and not ip.is_multicast and ip not in ipaddress.ip_network("192.0.0.0/24")
    wide = str(ipaddress.ip_network((ip, 24), strict=False))
    mapped = ipaddress.IPv6Address((0xFFFF << 32) + int(ip))
    padded = ".".join(f"{octet:03}" for octet in ip.packed)
    for text in (str(ip), f"::ffff:{ip}", f"::FFFF:{ip}", mapped.exploded, padded, f"{ip}:8080", f" {ip}\n"):
        assert network(text) == ((str(ip), str(ip), str(ip), wide) if public else None), text
        assert spelling(text) == str(ip)


def test_the_edges_of_reserved_space_are_where_the_standard_library_has_them() -> None:
    edges = ["9.255.255.255", "10.0.0.0", "11.0.0.0", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0",
             "172.15.9.9", "172.16.0.0", "172.31.9.9", "172.32.0.0", "192.168.0.1", "192.167.0.1", "127.0.0.1",
             "0.0.0.0", "169.254.1.1", "223.9.9.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.17.0.1",
             "198.18.0.1", "198.19.0.1", "198.20.0.1", "fe80::1", "fd00::1", "::1", "2400:3200::1"]  # fmt: skip
    for text in edges:
        ip = ipaddress.ip_address(text)
        assert (network(text) is not None) == (ip.is_global and not ip.is_multicast), text


@pytest.mark.parametrize(
    "text",
    ["fe80::1%eth0", "fe80::1", "fd12::1", "::1", "::", "ff02::1", "2001:db8::1", "100::1", "64:ff9b::8.8.8.8",
     "2002:808:808::1", "::8.8.8.8", "3fff::1"],
)  # fmt: skip
def test_reserved_ipv6_never_links(text: str) -> None:
    assert network(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "  ", "unknown", "0", "8.8.8", "8.8.8.8.8", "8.8.8.256", "08.8.8.8", "8.8.8.8/24", "8.8.8.8, 9.9.9.9", "-1",
     ":::", "2400::1::2", "2400:12345::", "12345", "８.8.8.8", "8.٨.8.8", "\x00", "\ud800:", "😀", "f" * 31,
     "1" * 10_000, None, 7, b"8.8.8.8"],
)  # fmt: skip
def test_garbage_is_no_address(text: object) -> None:
    assert network(text) is None


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_survived_and_a_key_is_its_own_key(text: str) -> None:
    found = network(text)
    spelling(text)
    if found is not None:
        assert network(found.exact) == found


def test_a_hash_of_the_ledger_is_a_network_of_its_own() -> None:
    token = "0123456789abcdef" * 2
    assert network(token) == (token, token, token, None)
    assert network_table([token, "8.8.8.8", "10.0.0.1", "8.8.8.8"]).to_pydict()["exact"] == [token, "8.8.8.8"]
    assert network_table([]).column_names == ["raw", *LEVELS]


def test_ranges_that_the_lists_name_are_found_by_address_and_by_network() -> None:
    assert named("45.76.1.2", "data_centre")
    assert named("2001:19f0:1:2::/64", "data_centre")
    assert not named("8.8.8.8", "data_centre")
    assert not named("not an address", "reserved")
