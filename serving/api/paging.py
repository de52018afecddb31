"""Lists by id with a cursor, and the store behind a request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response

from serving.api.problems import answer_response
from serving.coupons.refusals import Refuse
from serving.store.unit import Answer, Store, refusal

Id = Annotated[str, Path(max_length=120, pattern=r"^[\x21-\x7e]+$")]
Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str, Query(max_length=120, pattern=r"^[\x20-\x7e]*$", description="id of the last one seen")]


def store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def page(rows: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """One page; ``rows`` has one more than ``limit`` when there are more."""
    return {"data": rows[:limit], "has_more": len(rows) > limit}


def found(view: dict[str, Any] | None, code: str) -> Response:
    """The thing, or the 404 of its kind."""
    return answer_response(refusal(Refuse(code)) if view is None else Answer(200, view))
