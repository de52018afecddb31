"""Lists by id with a cursor (``limit``, ``starting_after``, ``ending_before``, ``has_more``), and a request's store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Request
from fastapi.responses import Response

from serving.api.access import side_of
from serving.api.problems import ProblemError, answer_response, request_id
from serving.coupons.refusals import Refuse
from serving.store.cursor import Cursor, Slice
from serving.store.unit import Answer, Store, refusal

__all__ = ["After", "Before", "Cursor", "Id", "Limit", "Slice", "found", "listing", "paged", "store_of"]

T = TypeVar("T")
_SEEN = r"^[\x20-\x7e]*$"

Id = Annotated[str, Path(max_length=120, pattern=r"^[\x21-\x7e]+$")]
Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str, Query(max_length=120, pattern=_SEEN, description="id of the last one seen: go on after it")]
Before = Annotated[str, Query(max_length=120, pattern=_SEEN, description="id of the first one seen: go back from it")]


def store_of(request: Request) -> Store:
    """The ledger that this request reads."""
    return side_of(request).store


def paged(limit: int = 20) -> Callable[..., Cursor]:
    """A dependency for a list: the caller's cursor; ``limit`` rows unless the caller says how many."""

    def cursor(limit: Limit = limit, starting_after: After = "", ending_before: Before = "") -> Cursor:
        if starting_after and ending_before:
            raise ProblemError(
                "invalid_request", [{"field": "ending_before", "expected": "either starting_after or ending_before"}]
            )
        return Cursor(limit, starting_after or None, ending_before or None)

    return cursor


def listing(found: Slice[T], view: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """One page as it is answered."""
    return {"data": [view(row) for row in found.rows], "has_more": found.has_more}


def found(view: dict[str, Any] | None, code: str) -> Response:
    """The thing, or the 404 of its kind."""
    if view is not None:
        return answer_response(Answer(200, view))
    missing = refusal(Refuse(code))
    return answer_response(Answer(missing.status, {**missing.body, "request_id": request_id.get()}))
