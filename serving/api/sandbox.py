"""Routes of the sandbox: its clock, for test keys alone."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, model_validator

from serving.api.access import side_of, test_key
from serving.api.answers.users import SandboxTime
from serving.api.sweeper import sweep
from serving.api.words import Body, Instant
from serving.api.writes import Write, write_of
from serving.openapi.describe import problems_of
from serving.sides import advance

router = APIRouter(prefix="/v1", tags=["sandbox"])


class ClockBody(Body):
    """A later moment, or how many seconds to move on (at most ten years)."""

    now: Instant | None = Field(None, examples=["2026-11-11T00:00:00+08:00"])
    advance_seconds: Annotated[int, Field(strict=True, ge=1, le=315_360_000)] | None = None

    @model_validator(mode="after")
    def _one_of(self) -> ClockBody:
        if (self.now is None) == (self.advance_seconds is None):
            raise ValueError("either now or advance_seconds")
        return self


@router.get(
    "/test_clock",
    dependencies=[Depends(test_key)],
    summary="The time of the sandbox",
    responses={200: {"model": SandboxTime}},
)
async def get_clock(request: Request) -> dict[str, Any]:
    """What time it is for test keys; ``frozen`` once somebody has set it."""
    sandbox = await request.app.state.sides.sandbox()
    return {"now": f"{sandbox.clock().isoformat()}Z", "frozen": sandbox.clock.frozen is not None}


@router.post(
    "/test_clock",
    summary="Move the time of the sandbox",
    responses={200: {"model": SandboxTime}, **problems_of("clock_backwards")},
)
async def set_clock(
    request: Request, body: ClockBody, write: Annotated[Write, Depends(write_of(test_key))]
) -> Response:
    """Holds run out, coupons expire and day limits begin anew, as they would when the time comes."""
    to = body.now.astimezone(UTC).replace(tzinfo=None) if body.now is not None else None
    answer = await write.run(body, advance(to, body.advance_seconds or 0))
    await request.app.state.sides.of(write.principal)
    side = side_of(request)
    await sweep(side.store, side.redeemer)
    return answer
