"""Who is looking: a signed cookie for a reviewer's key, and a token that ties each form to that cookie.

The cookie holds the principal and an end, signed with a key of this process; the CSRF token is a MAC of the cookie,
so that a page elsewhere can neither read nor make one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from serving.clock import Clock

COOKIE = "fairdeal_console"
LASTS = timedelta(hours=8)


class Sessions:
    def __init__(self, clock: Clock, secret: bytes | None = None) -> None:
        self._clock = clock
        self._secret = secret or secrets.token_bytes(32)

    def open(self, principal: str) -> str:
        """The cookie value of a new session."""
        end = int((self._clock() + LASTS).replace(tzinfo=UTC).timestamp())
        value = f"{principal}.{end}.{secrets.token_hex(8)}"
        return f"{value}.{self._mac('session', value)}"

    def principal(self, cookie: str | None) -> str | None:
        """Whose session it is; None for a cookie that is missing, forged or over."""
        if cookie is None:
            return None
        value, _, mac = cookie.rpartition(".")
        if not value or not hmac.compare_digest(mac.encode(), self._mac("session", value).encode()):
            return None
        name, end, _ = value.rsplit(".", 2)
        now = self._clock().replace(tzinfo=UTC).timestamp()
        return name if datetime.fromtimestamp(int(end), UTC).timestamp() > now else None

    def token(self, cookie: str) -> str:
        """The CSRF token of a session."""
        return self._mac("form", cookie)

    def token_fits(self, cookie: str, token: str) -> bool:
        return hmac.compare_digest(self.token(cookie).encode(), token.encode())

    def _mac(self, purpose: str, value: str) -> str:
        return hmac.new(self._secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()
