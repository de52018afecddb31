"""Who may call a route: a bearer key with the route's scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.api.problems import ProblemError
from serving.keys import KeyRing, Principal

_bearer = HTTPBearer(auto_error=False, description="API key")


def allowed(scope: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that returns the principal of a key with ``scope``, else 401 or 403."""

    async def principal(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        ring: KeyRing = request.app.state.keys
        found = ring.find(credentials.credentials) if credentials else None
        if found is None:
            raise ProblemError("unauthorised")
        if scope not in found.scopes:
            raise ProblemError("forbidden")
        return found

    return principal
