"""Which addresses a webhook may go to: the public internet over https, and nothing near us.

Whoever may register a URL could otherwise make this server ask its neighbours (SSRF). The host is resolved by us, every
address it has must be public, and the connection goes to the very address that was looked at: a name that answers
differently the second time (DNS rebinding) gains nothing. It is asked at registration and again at every delivery.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

MOST_CHARACTERS = 500
RESOLVE_SECONDS = 5.0
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")  # a name, also in its ASCII form, or an address without a zone
_PORTS = {"https": 443, "http": 80}
# Addresses that Python calls global, or that another network would take for one of its own.
_NEVER = (ip_network("192.88.99.0/24"), ip_network("64:ff9b:1::/48"), ip_network("fec0::/10"))
_NAT64 = ip_network("64:ff9b::/96")


class RefusedUrlError(ValueError):
    """No webhook goes there; ``expected`` says what would do, and nothing about what was found."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """What the system says of a name; raises ``OSError`` when it says nothing."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class Guard:
    """``allow_private`` lets webhooks go to http and to any address: for development, never for production."""

    def __init__(self, allow_private: bool = False, resolve: Resolver = system_resolver) -> None:
        self._allow_private = allow_private
        self._resolve = resolve

    def parse(self, url: str) -> httpx.URL:
        """The URL, if its form will do; parsed by the library that later connects, so that both see one host."""
        schemes = ("https", "http") if self._allow_private else ("https",)
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise RefusedUrlError("a URL") from error
        if parsed.scheme not in schemes:
            raise RefusedUrlError(f"an address that begins with {' or '.join(schemes)}")
        port = parsed.port if parsed.port is not None else _PORTS[parsed.scheme]
        if not _HOST.fullmatch(parsed.raw_host) or not 1 <= port <= 65535 or len(str(parsed)) > MOST_CHARACTERS:
            raise RefusedUrlError(f"a URL with a host, of at most {MOST_CHARACTERS} characters")
        if parsed.userinfo or parsed.fragment:
            raise RefusedUrlError("a URL without user, password and fragment")
        return parsed

    async def addresses(self, url: httpx.URL) -> Sequence[str]:
        """Where the host is, all of it public; raises ``RefusedUrlError``."""
        host = url.raw_host.decode("ascii")
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self._resolve(host, url.port or _PORTS[url.scheme])
        except (OSError, UnicodeError) as error:  # OSError includes the timeout
            raise RefusedUrlError("a host that can be found") from error
        if not found:
            raise RefusedUrlError("a host that can be found")
        if not self._allow_private and not all(is_public(address) for address in found):
            raise RefusedUrlError("a host on the public internet")
        return found

    async def check(self, url: str) -> None:
        """Raise ``RefusedUrlError`` unless a webhook may be sent to ``url`` now."""
        await self.addresses(self.parse(url))


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, whichever way it is written or wrapped.

    >>> [is_public(a) for a in ("8.8.8.8", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::ffff:10.0.0.1", "fe80::1")]
    [True, False, False, False, False, False]
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    inner = _wrapped(found)
    if inner is not None:
        return is_public(str(inner))
    if any(found in network for network in _NEVER if network.version == found.version):
        return False
    return found.is_global and not (
        found.is_private
        or found.is_loopback
        or found.is_link_local
        or found.is_multicast
        or found.is_reserved
        or found.is_unspecified
    )


def _wrapped(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which packets for this IPv6 address would really go (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
