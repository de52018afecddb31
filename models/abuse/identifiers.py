"""Keys of raw identifiers for the detector, and short names for them in reasons.

In: raw device ids and IPs as the tables hold them. Out: a key that equal things share, or None where the value says
nothing (empty, a placeholder, reserved address space). None never links. What may link, and under which key, is said
by ``features.devices`` and ``features.network``, for the nightly features and the detector alike.
"""

from __future__ import annotations

import hashlib
import hmac

from features.devices import device_id
from features.network import network


def device_key(raw: object) -> str | None:
    """A device id fit for linking, or None for placeholders, zeros and one repeated character.

    >>> device_key(" ab12-CD ")
    'ab12-cd'
    >>> [device_key(bad) for bad in ("", "unknown", "00000000-0000-0000-0000-000000000000", "N/A", None)]
    [None, None, None, None, None]
    """
    known = device_id(raw)
    return None if known is None else known.key


def ip_key(raw: object) -> str | None:
    """An address that can be one household or one gateway: IPv4 exactly, IPv6 by its /64, or None.

    Reserved, private (RFC 1918), shared (RFC 6598), loopback and malformed addresses say nothing about who shares them.

    >>> ip_key("::ffff:8.8.8.8"), ip_key("2001:4860:4860:1:2:3:4:5"), ip_key("10.1.2.3"), ip_key("100.64.0.1")
    ('8.8.8.8', '2001:4860:4860:1::/64', None, None)
    """
    return both_keys(raw)[0]


def ip_block(raw: object) -> str | None:
    """The /24 (IPv4) or /48 (IPv6) of a linkable address, or None: neighbours of a rotating farm, nothing more.

    >>> ip_block("8.8.8.8")
    '8.8.8.0/24'
    """
    return both_keys(raw)[1]


def both_keys(raw: object) -> tuple[str | None, str | None]:
    """``ip_key`` and ``ip_block`` at once.

    >>> both_keys("36.1.2.3")
    ('36.1.2.3', '36.1.2.0/24')
    """
    known = network(raw)
    return (None, None) if known is None else (known.network, known.block)


def short_hash(value: str, key: str) -> str:
    """The first ten hex digits of a keyed hash: names a value in reasons and reports without revealing it.

    >>> short_hash("8.8.8.8", "some key of sixteen") == short_hash("8.8.8.8", "some key of sixteen")
    True
    """
    return hmac.new(key.encode(), value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:10]
