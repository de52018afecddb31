"""Sign-in at an identity provider: OpenID Connect, authorization code with PKCE, state and nonce.

The ID token is believed when the provider's published keys signed it with an asymmetric algorithm, for us, not too long
ago, and with the nonce of this browser; the role is what the settings make of one of its claims.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from features.errors import InputError
from serving.clock import Clock, utc_now
from serving.console_settings import Oidc
from serving.staff.account import known_name
from serving.staff.before import derived

SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 60
_TIMEOUT = 10
_FRESH_SECONDS = 600  # for which the provider's document and keys are kept
_AGAIN_SECONDS = 30  # after which an unknown key is worth asking for the keys again
_MOST_BYTES = 500_000


class ProviderError(Exception):
    """What the provider answered cannot be believed (``answer``), or it cannot be reached (``away``)."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider vouches for: login name (None when it cannot be one here), role if one is mapped, and the hash
    of who this is there whatever the name."""

    name: str | None
    role: str | None
    subject: str


class Provider:
    """The identity provider of the settings; ``here`` is the address of the console, ``transport`` replaces the
    network."""

    def __init__(
        self, settings: Oidc, here: str, clock: Clock = utc_now, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        parts = urlsplit(settings.issuer)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise InputError("console.oidc.issuer", settings.issuer, "an https address")
        if not settings.client_id or not settings.roles:
            raise InputError("console.oidc", "no client_id or no roles", "both, with an issuer")
        self._settings = settings
        self._back = f"{here.rstrip('/')}/sign-in/back"
        self._clock = clock
        self._http = httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, follow_redirects=False)
        self._about: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def way(self, seed: str) -> str:
        """Where a browser with these bits (``before``) goes to sign in."""
        about = await self._discover()
        return str(
            prepare_grant_uri(
                about["authorization_endpoint"],
                client_id=self._settings.client_id,
                response_type="code",
                redirect_uri=self._back,
                scope="openid profile email",
                state=derived(seed, "state"),
                nonce=derived(seed, "nonce"),
                code_challenge=create_s256_code_challenge(derived(seed, "proof")),
                code_challenge_method="S256",
            )
        )

    async def identity(self, code: str, seed: str) -> Identity:
        """Whom the code stands for that the browser came back with; its state has been compared. Raises
        ``ProviderError``."""
        about = await self._discover()
        answer = await self._token(about, code, seed)
        claims = await self._claims(about, answer, derived(seed, "nonce"))
        roles = claims.get(self._settings.role_claim)
        held = {role for role in (roles if isinstance(roles, list) else [roles]) if isinstance(role, str)}
        role = next((role for value, role in self._settings.roles.items() if value in held), None)
        subject = hashlib.sha256(f"{self._settings.issuer}\0{claims['sub']}".encode()).hexdigest()
        return Identity(_name(claims), role, subject)

    async def _discover(self) -> Mapping[str, Any]:
        if self._about is not None and time.monotonic() - self._about[0] < _FRESH_SECONDS:
            return self._about[1]
        issuer = self._settings.issuer
        about = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer:
            raise ProviderError("answer", "its document names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(str(about.get(name))).scheme != urlsplit(issuer).scheme:
                raise ProviderError("answer", f"{name} is not as safe as the issuer")
        self._about = (time.monotonic(), about)
        return about

    async def _token(self, about: Mapping[str, Any], code: str, seed: str) -> Mapping[str, Any]:
        body = prepare_token_request(
            "authorization_code", "", self._back, code=code, code_verifier=derived(seed, "proof"),
            client_id=self._settings.client_id,
        )  # fmt: skip
        known = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        auth = ClientAuth(
            self._settings.client_id, self._settings.client_secret, method if self._settings.client_secret else "none"
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        uri, headers, body = auth.prepare("POST", about["token_endpoint"], headers, body)
        return await self._ask("POST", uri, headers=headers, content=body)

    async def _claims(self, about: Mapping[str, Any], answer: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("answer", "no ID token")
        try:
            try:
                read = jwt.decode(token, await self._key_set(about, _FRESH_SECONDS), algorithms=SIGNED_BY)
            except JoseError:
                # Keys change: once more with those of now.
                read = jwt.decode(token, await self._key_set(about, _AGAIN_SECONDS), algorithms=SIGNED_BY)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": about["issuer"]},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self._settings.client_id, "access_token": answer.get("access_token")},
            )
            claims.validate(now=int(self._clock().replace(tzinfo=UTC).timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderError("answer", f"the ID token is not good ({type(error).__name__})") from error
        return dict(claims)

    async def _key_set(self, about: Mapping[str, Any], fresh: float) -> KeySet:
        if self._keys is not None and time.monotonic() - self._keys[0] < fresh:
            return self._keys[1]
        found = (await self._ask("GET", about["jwks_uri"])).get("keys")
        usable = [
            key
            for key in (found if isinstance(found, list) else ())
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
        ]
        keys = KeySet.import_key_set({"keys": usable})
        self._keys = (time.monotonic(), keys)
        return keys

    async def _ask(self, method: str, uri: str, **sent: Any) -> Mapping[str, Any]:
        try:
            answer = await self._http.request(method, uri, **sent)
        except httpx.HTTPError as error:
            raise ProviderError("away", type(error).__name__) from error
        if answer.status_code >= 500:
            raise ProviderError("away", f"status {answer.status_code}")
        if answer.status_code != 200 or len(answer.content) > _MOST_BYTES:
            raise ProviderError("answer", f"status {answer.status_code}")
        try:
            found = answer.json()
        except ValueError as error:
            raise ProviderError("answer", "not JSON") from error
        if not isinstance(found, dict):
            raise ProviderError("answer", "not a JSON object")
        return found


def _name(claims: Mapping[str, Any]) -> str | None:
    """The login name: what the person is called at the provider, else an address that the provider has verified."""
    called = claims.get("preferred_username")
    if isinstance(called, str) and called:
        return known_name(called)
    mail = claims.get("email")
    return known_name(mail) if isinstance(mail, str) and claims.get("email_verified") is not False else None
