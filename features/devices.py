"""Which device ids may link two accounts, under which key, how the id came about and how much sharing it says.

In: device ids as the tables hold them, any text. Out: a key that equal ids share, the *method* behind the id as far as
its form shows it, and a *confidence* from 0 to 1. Empty values, placeholders and ids that whole models of phones are
known to share have no key, and nothing without a key links.

The confidence is that of the method, before anybody looks at who shares the id: a serial number or an install id is
one phone, a fingerprint is every phone of a model with the same settings. ``features.hubs`` tells a collision from a
farm by the company on the id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

METHODS = {
    "imei": 0.95,
    "install": 0.9,
    "android": 0.9,
    "oaid": 0.9,
    "cookie": 0.8,
    "unknown": 0.8,
    "mac": 0.7,
    "fingerprint": 0.4,
}
"""What made an id, and how far an account that shares it shares the device: assumptions, not measurements.

``install`` is an id that the system gives an app or an advertiser (IDFA, IDFV, Google's advertising id, a random UUID);
``unknown`` is a form that says nothing, such as a shop's own ids.
"""

_PREFIXES = {
    **dict.fromkeys(("idfa", "idfv", "gaid", "aaid", "adid", "uuid"), "install"),
    **dict.fromkeys(("android", "android_id", "androidid", "ssaid"), "android"),
    **dict.fromkeys(("fp", "fingerprint", "canvas", "visitor"), "fingerprint"),
    **dict.fromkeys(("cookie", "web", "_ga"), "cookie"),
    **dict.fromkeys(("imei", "meid"), "imei"),
    "oaid": "oaid",
    "mac": "mac",
}
_FORMS = (
    ("install", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)),
    ("mac", re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", re.IGNORECASE)),
    ("imei", re.compile(r"[0-9]{15}")),
    ("android", re.compile(r"[0-9a-f]{16}")),
    # Hashes of 32, 40 or 64 digits: of a browser's traits as a rule; an OAID of that form says so by a prefix.
    ("fingerprint", re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)),
    ("cookie", re.compile(r"GA[0-9]\.[0-9]\.[0-9]+\.[0-9]+", re.IGNORECASE)),
)
_PREFIXED = re.compile(r"([A-Za-z_]{2,11})\s*[:=]\s*(.+)", re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f:\-]+")
_LONGEST = 512

_PLACEHOLDERS = frozenset(
    {
        *("unknown", "null", "none", "nan", "undefined", "n/a", "na", "nil", "default", "test", "unset", "empty"),
        *("missing", "anonymous", "generic", "android", "ios", "web", "device", "deviceid", "notavailable", "notset"),
        # Ids that many phones shared at once: an Android fault, iOS's answer for a hidden MAC, numbers typed in a row.
        *("9774d56d682e549c", "020000000000", "0123456789abcdef", "1234567890abcdef", "deadbeef", "dead00beef"),
        *("123456789012345", "012345678901234", "012345678912345", "004999010640000", "111111111111119"),
    }
)
_NOT_WORD = re.compile(r"[^0-9a-z\u0080-\uffff]")


@dataclass(frozen=True, slots=True)
class DeviceId:
    """A device id fit for linking: its ``key``, the ``method`` behind it and how much sharing it says."""

    key: str
    method: str

    @property
    def confidence(self) -> float:
        return METHODS[self.method]


def device_id(raw: object) -> DeviceId | None:
    """What an id says, or None for placeholders, zeros, one repeated character and anything that is no text.

    Ids of hexadecimal digits mean the same in either case; in others (a random cookie) the case is part of the id.

    >>> device_id(" AB12-cd "), device_id("cookie:aB3x_9")
    (DeviceId(key='ab12-cd', method='unknown'), DeviceId(key='cookie:aB3x_9', method='cookie'))
    >>> device_id("38400000-8CF0-11BD-B23E-10B96E40000D").method, device_id("imei:490154203237518").confidence
    ('install', 0.95)
    >>> [device_id(bad) for bad in ("", "unknown", "00000000-0000-0000-0000-000000000000", "idfa:0000", None)]
    [None, None, None, None, None]
    """
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    if len(text) > _LONGEST:
        return None
    method, value = None, text
    if (prefixed := _PREFIXED.fullmatch(text)) is not None and (named := prefixed.group(1).lower()) in _PREFIXES:
        method, value = _PREFIXES[named], prefixed.group(2).strip()
    if not _says_something(value):
        return None
    if _HEX.fullmatch(value):
        value = value.lower()
    if method is None:
        return DeviceId(value, _method(value))
    return DeviceId(f"{named}:{value}", method)


def device_table(raws: Iterable[str]) -> pa.Table:
    """(raw, key, method, confidence): one row per distinct text; those that may not link are left out."""
    import pyarrow as pa  # serving asks for single keys and has no use for it

    found = [(raw, known) for raw in dict.fromkeys(raws) if (known := device_id(raw)) is not None]
    return pa.table(
        {
            "raw": pa.array([raw for raw, _ in found], pa.string()),
            "key": pa.array([known.key for _, known in found], pa.string()),
            "method": pa.array([known.method for _, known in found], pa.string()),
            "confidence": pa.array([known.confidence for _, known in found], pa.float64()),
        }
    )


def token_key(raw: object) -> str | None:
    """The key of a keyed hash or a name (phone, identity, recipient): the text itself, unless it says nothing.

    >>> token_key(" p17 "), token_key("unknown"), token_key("00000000000")
    ('p17', None, None)
    """
    text = raw.strip() if isinstance(raw, str) else ""
    return text if len(text) <= _LONGEST and _says_something(text) else None


def token_table(raws: Iterable[str]) -> pa.Table:
    """(raw, key): one row per distinct text; those that may not link are left out."""
    import pyarrow as pa  # serving asks for single keys and has no use for it

    found = [(raw, key) for raw in dict.fromkeys(raws) if (key := token_key(raw)) is not None]
    columns = {"raw": [raw for raw, _ in found], "key": [key for _, key in found]}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def _says_something(value: str) -> bool:
    word = value.lower()
    core = _NOT_WORD.sub("", word)
    return len(set(core)) > 1 and core not in _PLACEHOLDERS and word not in _PLACEHOLDERS


def _method(value: str) -> str:
    for method, form in _FORMS:
        if form.fullmatch(value) and (method != "imei" or _luhn(value)):
            return method
    return "unknown"


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, as in an IMEI)."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
