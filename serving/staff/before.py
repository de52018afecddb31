"""What a browser has before anybody is signed in: 256 random bits of its own, from which the rest is derived.

Forms to sign in carry a token of them, so that nobody can be signed in by a foreign page; and what is agreed with an
identity provider (state, nonce, proof of the code) is derived alike, so that nothing has to be remembered here and an
answer that another browser began is worth nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
from urllib.parse import urlsplit

BEFORE = "fairdeal_before"
_SEED = re.compile(r"[A-Za-z0-9_-]{43}")


def seed_of(cookie: str | None) -> str:
    """The bits of this browser, or new ones."""
    return cookie if cookie and _SEED.fullmatch(cookie) else secrets.token_urlsafe(32)


def derived(seed: str, what: str) -> str:
    """The token of a browser for one use: ``form``, ``state``, ``nonce`` or ``proof``."""
    return hmac.new(seed.encode(), f"fairdeal-before\0{what}".encode(), "sha256").hexdigest()


def matches(seed: str, what: str, given: str) -> bool:
    return hmac.compare_digest(derived(seed, what).encode(), given.encode())


def inside(to: str) -> str:
    """A path of this console to go on to, else the first page: no other host, no scheme, nothing a browser would turn
    into one.

    >>> inside("/cases?state=open"), inside("//evil.example"), inside("https://evil.example")
    ('/cases?state=open', '/', '/')
    """
    # Browsers read a backslash as a slash and drop control characters.
    plain = to.isprintable() and "\\" not in to and len(to) <= 2000
    if not plain or not to.startswith("/") or to.startswith(("//", "/sign-in", "/sign-out")):
        return "/"
    try:
        parts = urlsplit(to)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else to
