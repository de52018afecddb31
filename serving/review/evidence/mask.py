"""How pages name a thing that nobody may read: its kind and the first six digits of its keyed hash."""

from __future__ import annotations

import re

DIGITS = 6
PREFIXES = {"device": "dev", "ip": "ip", "address": "adr", "phone": "tel", "identity": "idn"}
_HASH = re.compile(r"[0-9a-f]{32,64}")


def mask(kind: str, value: str) -> str:
    """A short name that is alike for equal things and tells nothing of the device, phone or address behind it.

    Only digits of a whole hash are ever shown: anything else is a value that should not be here.

    >>> mask("device", "0f3a9c77" * 4), mask("phone", "13800138000"), mask("ip", "")
    ('dev·0f3a9c', 'tel·??????', 'ip·??????')
    """
    return f"{PREFIXES.get(kind, 'id')}·{value[:DIGITS] if _HASH.fullmatch(value) else '?' * DIGITS}"
