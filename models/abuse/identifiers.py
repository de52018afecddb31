"""Which raw identifiers may link two accounts, and under which key.

In: raw device ids, IPs and postal addresses as the tables hold them. Out: a key that equal things share, or None where
the value says nothing (empty, a placeholder, reserved address space). None never links.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re

_PLACEHOLDERS = frozenset(
    {
        *("unknown", "null", "none", "nan", "undefined", "n/a", "na", "nil", "default", "test", "unset", "empty"),
        *("missing", "anonymous", "generic", "android", "ios", "web", "device", "deviceid", "notavailable", "notset"),
        # An Android id that millions of phones once shared, and counting.
        *("9774d56d682e549c", "0123456789abcdef", "123456789012345", "012345678901234"),
    }
)
_NOT_WORD = re.compile(r"[^0-9a-z\u0080-\uffff]")
_LONGEST = 512
_IPV4 = re.compile(r"([1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})")
# First octets in which no range is reserved.
_PLAIN = frozenset(range(1, 224)) - {10, 100, 127, 169, 172, 192, 198, 203}


def device_key(raw: object) -> str | None:
    """A device id fit for linking, or None for placeholders, zeros and one repeated character.

    >>> device_key(" ab12-CD ")
    'ab12-cd'
    >>> [device_key(bad) for bad in ("", "unknown", "00000000-0000-0000-0000-000000000000", "N/A", None)]
    [None, None, None, None, None]
    """
    if not isinstance(raw, str):
        return None
    value = raw.strip().lower()[:_LONGEST]
    core = _NOT_WORD.sub("", value)
    if len(core) < 3 or len(set(core)) == 1 or core in _PLACEHOLDERS or value in _PLACEHOLDERS:
        return None
    return value


def ip_key(raw: object) -> str | None:
    """An address that can be one household or one gateway: IPv4 exactly, IPv6 by its /64, or None.

    Reserved, private (RFC 1918), shared (RFC 6598), loopback and malformed addresses say nothing about who shares them.

    >>> ip_key("::ffff:8.8.8.8"), ip_key("2001:4860:4860:1:2:3:4:5"), ip_key("10.1.2.3"), ip_key("100.64.0.1")
    ('8.8.8.8', '2001:4860:4860:1::/64', None, None)
    """
    parsed = _parsed(raw)
    if parsed is None:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def ip_block(raw: object) -> str | None:
    """The /24 (IPv4) or /48 (IPv6) of a linkable address, or None: neighbours of a rotating farm, nothing more.

    >>> ip_block("8.8.8.8")
    '8.8.8.0/24'
    """
    parsed = _parsed(raw)
    if parsed is None:
        return None
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def short_hash(value: str, key: str) -> str:
    """The first ten hex digits of a keyed hash: names a value in reasons and reports without revealing it.

    >>> short_hash("8.8.8.8", "some key of sixteen") == short_hash("8.8.8.8", "some key of sixteen")
    True
    """
    return hmac.new(key.encode(), value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:10]


def both_keys(raw: object) -> tuple[str | None, str | None]:
    """``ip_key`` and ``ip_block`` at once: tables hold millions of addresses, and plain public IPv4 needs no parser.

    >>> both_keys("36.1.2.3")
    ('36.1.2.3', '36.1.2.0/24')
    """
    if isinstance(raw, str) and (match := _IPV4.fullmatch(raw)) is not None:
        first = int(match.group(1))
        if first in _PLAIN and all(int(part) < 256 for part in match.groups()[1:]):
            return raw, f"{raw[: raw.rindex('.')]}.0/24"
    return ip_key(raw), ip_block(raw)


def _parsed(raw: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(raw, str):
        return None
    try:
        parsed = ipaddress.ip_address(raw.strip())
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed if parsed.is_global and not parsed.is_multicast else None
