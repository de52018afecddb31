"""Identifiers become keyed hashes before they are stored: equal values stay equal, nobody can read or guess them back.

The key is a secret of the installation; without it a hash of an IP or an address could be found by trying them all.
"""

from __future__ import annotations

import hashlib
import hmac


class Hasher:
    """Keyed hashes of identifiers; the kind is part of the hash, so that a device never equals an IP.

    >>> Hasher("0123456789abcdef")("device", "a") == Hasher("0123456789abcdef")("ip", "a")
    False
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, kind: str, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        digest = hmac.new(self._key, f"{kind}\0{value.strip()}".encode(), hashlib.sha256)
        return f"kh_{digest.hexdigest()[:32]}"
