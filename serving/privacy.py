"""Identifiers become keyed hashes before they are stored: equal values stay equal, nobody can read or guess them back.

The hash is the one under which the feature store keeps devices, IPs and addresses, so that the ledger's exports and
the features speak of the same things. The key is a secret of the installation; without it a hash of an IP or an
address could be found by trying them all.
"""

from __future__ import annotations

import hashlib
import hmac

from features.address import normalise
from features.network import spelling


class Hasher:
    """Keyed hashes (128 bits of HMAC-SHA256, hex); the kind is part of the hash, so that a device never equals an IP.

    Two spellings of one postal address, one phone number or one identity number have one hash, and so have two
    spellings of an IP: IPv6 is counted by its /64, what one household holds. A device id is hashed as it comes.

    >>> Hasher("0123456789abcdef")("device", "a") == Hasher("0123456789abcdef")("ip", "a")
    False
    """

    def __init__(self, key: str) -> None:
        self._keyed = hmac.new(key.encode(), digestmod=hashlib.sha256)

    def __call__(self, kind: str, value: str | None) -> str | None:
        """The hash, or None for a value that says nothing."""
        found = (value or "").strip()
        if kind == "address" and found:
            known = normalise(found)
            found = known.unit_key if known is not None else ""
        elif kind == "ip" and found:
            found = spelling(found)
        elif kind == "phone" and found:
            found = _phone(found)
        elif kind == "identity" and found:
            found = "".join(found.split()).upper()
        if not found:
            return None
        one = self._keyed.copy()
        one.update(f"{kind}\n{found}".encode())
        return one.hexdigest()[:32]


def _phone(text: str) -> str:
    """Digits only; the prefix of mainland China says nothing more about a mobile number.

    >>> _phone("+86 138-0013-8000") == _phone("0086 13800138000") == _phone("13800138000")
    True
    """
    digits = "".join(character for character in text if character.isdigit()).lstrip("0")
    return digits[2:] if len(digits) == 13 and digits.startswith("861") else digits
