"""Which IP addresses may link two accounts, and under which keys.

In: IP addresses as the tables hold them, any text. Out: one spelling per address and the wider networks around it, or
None for what names no public address. A key of IPv4 is the address itself; IPv6 links by its /64, because one
household holds at least that much and its machines change the rest daily (RFC 8981, RFC 6177). Reserved and shared
space (``configs/hubs.yaml``) is used by millions behind their own routers and links nobody.

Levelled are: case, compressed and written-out zeros, IPv4-mapped IPv6, brackets and ports, zones (``%eth0``), octets
padded to three digits. Everything else that is no address (lists of addresses, octets with one leading zero, which
some read as octal) says nothing. A keyed hash of the ledger's exports (32 hex digits) is a network of its own.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from features.hub_lists import hub_lists

if TYPE_CHECKING:
    import pyarrow as pa

LEVELS = ("exact", "network", "site", "block")
"""The address, what one household holds (IPv4: the address, IPv6: /64), a site (/56), neighbours (/24, /48)."""

_IPV4 = re.compile(r"([1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})", re.ASCII)
_PADDED = re.compile(r"(\d{3})\.(\d{3})\.(\d{3})\.(\d{3})", re.ASCII)
_PORT = re.compile(r"\[([0-9A-Fa-f:.%\w]+)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{32}")
_LONGEST = 100


class Address(NamedTuple):
    """An address as a number, of IP version 4 or 6."""

    version: int
    number: int


class Network(NamedTuple):
    """One public address at every level; for IPv4 ``network`` and ``site`` are the address.

    Nothing is known of what lies around a keyed hash: its ``block`` is None.
    """

    exact: str
    network: str
    site: str
    block: str | None


def network(raw: object) -> Network | None:
    """The levels of a public address, or None where the value says nothing.

    >>> network("[2001:4860:4860:0001:2::3]:443")  # doctest: +NORMALIZE_WHITESPACE
    Network(exact='2001:4860:4860:1:2::3', network='2001:4860:4860:1::/64', site='2001:4860:4860::/56',
            block='2001:4860:4860::/48')
    >>> network("::FFFF:8.8.8.8").block, network("10.1.2.3"), network("fe80::1%eth0"), network("8.8.8.8, 9.9.9.9")
    ('8.8.8.0/24', None, None, None)
    """
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    # Tables hold millions of addresses, and plain public IPv4 needs no parser.
    if (match := _IPV4.fullmatch(text)) is not None:
        a, b, c, d = map(int, match.groups())
        if a > 255 or b > 255 or c > 255 or d > 255 or _within(a << 24 | b << 16 | c << 8 | d, _spans("reserved", 4)):
            return None
        return Network(text, text, text, f"{a}.{b}.{c}.0/24")
    if _TOKEN.fullmatch(text):
        return Network(text, text, text, None)
    address = parsed(text)
    return None if address is None or _in_range(address, "reserved") else levels(address)


def network_table(raws: Iterable[str]) -> pa.Table:
    """(raw, exact, network, site, block): one row per distinct text; those that may not link are left out."""
    import pyarrow as pa  # serving asks for single keys and has no use for it

    found = [(raw, *known) for raw in dict.fromkeys(raws) if (known := network(raw)) is not None]
    columns = list(zip(*found, strict=True)) or [()] * (1 + len(LEVELS))
    return pa.table([pa.array(column, pa.string()) for column in columns], names=["raw", *LEVELS])


def levels(address: Address) -> Network:
    """The networks around any address, public or not."""
    if address.version == 4:
        exact = str(ipaddress.IPv4Address(address.number))
        return Network(exact, exact, exact, f"{exact[: exact.rindex('.')]}.0/24")
    exact, *around = (_text(address.number >> free << free) for free in (0, 64, 72, 80))
    return Network(exact, f"{around[0]}/64", f"{around[1]}/56", f"{around[2]}/48")


def parsed(text: str) -> Address | None:
    """The address that a text names; an IPv4-mapped one is its IPv4 address."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if (port := _PORT.fullmatch(text)) is not None:
        text = port.group(1) or port.group(2)
    text = text.split("%", 1)[0]
    if ":" not in text:
        if (padded := _PADDED.fullmatch(text)) is not None:
            text = ".".join(str(int(octet)) for octet in padded.groups())
        try:
            return Address(4, int(ipaddress.IPv4Address(text)))
        except ValueError:
            return None
    try:
        number = int.from_bytes(socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):  # no address, or text that the C library cannot even take
        return None
    return Address(4, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Address(6, number)


def spelling(raw: str) -> str:
    """The one text under which an address is counted and hashed, public or not; other text stays as it is, stripped.

    >>> spelling(" 10.0.0.1 "), spelling("2001:DB8:0:7::9"), spelling("not an address")
    ('10.0.0.1', '2001:db8:0:7::/64', 'not an address')
    """
    address = parsed(raw)
    return raw.strip() if address is None else levels(address).network


def named(text: str, kind: str) -> bool:
    """Whether an address, or the first address of a network, lies in a range that ``configs/hubs.yaml`` names so.

    >>> named("100.64.1.2", "reserved"), named("8.8.8.0/24", "reserved")
    (True, False)
    """
    address = parsed(text.split("/", 1)[0])
    return address is not None and _in_range(address, kind)


Spans = tuple[list[int], list[int]]


def _in_range(address: Address, kind: str) -> bool:
    return _within(address.number, _spans(kind, address.version))


def _within(number: int, spans: Spans) -> bool:
    starts, ends = spans
    place = bisect_right(starts, number) - 1
    return place >= 0 and number <= ends[place]


@cache
def _spans(kind: str, version: int) -> Spans:
    """First and last address, as numbers, of the ranges that the lists name so; overlapping ones are one span."""
    known = [ipaddress.ip_network(text) for text in getattr(hub_lists().networks, kind)]
    four = ipaddress.collapse_addresses([net for net in known if isinstance(net, ipaddress.IPv4Network)])
    six = ipaddress.collapse_addresses([net for net in known if isinstance(net, ipaddress.IPv6Network)])
    spans = sorted((int(net[0]), int(net[-1])) for net in (four if version == 4 else six))
    return [first for first, _ in spans], [last for _, last in spans]


def _text(number: int) -> str:
    """An IPv6 address in its shortest form (RFC 5952)."""
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16))
