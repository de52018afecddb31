"""A small identity provider: signs tokens with a key of its own, remembers what it was asked, lies as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

ISSUER = "https://id.example"
CLIENT = "fairdeal"
SECRET = "the client's secret"
SETTINGS = {
    "issuer": ISSUER,
    "client_id": CLIENT,
    "client_secret": SECRET,
    "role_claim": "groups",
    "roles": {"risk-leads": "lead", "risk": "reviewer"},
}


@dataclass
class Provider:
    """``claims`` are put over those of every token, ``spoil`` changes what a token endpoint answers."""

    clock: Callable[[], datetime]
    claims: dict[str, Any] = field(default_factory=dict)
    spoil: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    down: bool = False
    asked: list[httpx.Request] = field(default_factory=list)
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})

    def agree(self, way: str) -> dict[str, str]:
        """The person agrees at the address ``way``: with what the browser is sent back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(way).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    def token(self, nonce: str, **over: Any) -> str:
        now = int(self.clock().replace(tzinfo=UTC).timestamp())
        claims = {
            "iss": ISSUER, "sub": "user-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            "preferred_username": "Lena@Shop.example", "groups": ["staff", "risk-leads"], **self.claims, **over,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "one"}, kept, self.key)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.down:
            raise httpx.ConnectError("down", request=request)
        if request.url.path == "/.well-known/openid-configuration":
            about = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
            }
            return httpx.Response(200, json={**about, **self.about})
        if request.url.path == "/keys":
            return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
        return self._exchange(request)

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or request.headers.get("authorization") != f"Basic {basic}":
            return httpx.Response(400, json={"error": "invalid_grant"})
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if digest != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        answer = {"access_token": "at", "token_type": "Bearer", "id_token": self.token(asked["nonce"])}
        return httpx.Response(200, json=self.spoil(answer, dict(asked)) if self.spoil else answer)


def unsigned(token: str) -> str:
    """The same claims with ``alg: none``."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one"}).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."
