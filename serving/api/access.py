"""Who may call a route: a bearer key with the route's scope; a test key works on the sandbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.api.problems import ProblemError
from serving.keys import KeyRing, Principal
from serving.sides import Side

_bearer = HTTPBearer(auto_error=False, description="API key")
# In the place of a scope where any test key will do.
TEST_KEYS = "test_keys"


def allowed(scope: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that returns the principal of a key with ``scope``, else 401 or 403."""

    bearer = Security(_bearer, scopes=[scope])  # an annotation could not see the scope

    async def principal(request: Request, credentials: HTTPAuthorizationCredentials | None = bearer) -> Principal:
        found = _known(request, credentials)
        if scope not in found.scopes:
            raise ProblemError("forbidden")
        return await _admit(request, found)

    return principal


async def test_key(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer, scopes=[TEST_KEYS])],
) -> Principal:
    """A dependency that admits test keys alone, whatever their scopes."""
    found = _known(request, credentials)
    if not found.test:
        raise ProblemError("forbidden")
    return await _admit(request, found)


def side_of(request: Request) -> Side:
    """The ledger that this request works on, with its issuer and redeemer."""
    side: Side = request.state.side
    return side


def _known(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
    ring: KeyRing = request.app.state.keys
    found = ring.find(credentials.credentials) if credentials else None
    if found is None:
        raise ProblemError("unauthorised")
    return found


async def _admit(request: Request, principal: Principal) -> Principal:
    sides = getattr(request.app.state, "sides", None)  # scoring keeps no ledger
    request.state.test = principal.test
    if sides is not None:
        request.state.side = await sides.of(principal)
    elif principal.test:
        raise ProblemError("forbidden")
    return principal
