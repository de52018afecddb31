"""Routes about appeals: the shop's support passes on what a customer says, and reads what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints

from serving.api.access import allowed
from serving.api.answers import appeals as answers
from serving.api.answers import refused
from serving.api.paging import Cursor, Id, found, listing, paged, store_of
from serving.api.words import Body
from serving.api.writes import Write, writes
from serving.keys import APPEALS
from serving.openapi.describe import problems_of
from serving.review.appeal_queue import appeals_of, find_appeal
from serving.review.appeals import appeal_view, file
from serving.scoring.messages import Name

router = APIRouter(prefix="/v1", tags=["appeals"])

_SEEN = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
Said = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_SEEN)]
Contact = Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


class AppealBody(Body):
    """What a customer says who was withheld, frozen or blocked."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "u_1001",
                    "text": "My flatmates and I share one phone for orders.",
                    "contact": "ticket 4711",
                }
            ]
        }
    )

    user_id: Name
    text: Said
    contact: Contact = Field("", description="where the shop answers, as a reference of its own: it is kept as it is")


@router.post(
    "/appeals",
    status_code=201,
    summary="Ask for another look at an account",
    responses={201: {"model": answers.AppealWritten}, **problems_of(*refused.APPEAL)},
)
async def file_appeal(body: AppealBody, write: Annotated[Write, Depends(writes(APPEALS))]) -> Response:
    """A person who did not decide it looks again; there is one open appeal per account."""
    return await write.run(body, file(body.user_id, body.text, body.contact))


@router.get(
    "/appeals",
    dependencies=[Depends(allowed(APPEALS))],
    summary="Appeals, the latest last",
    responses={200: {"model": answers.Appeals}},
)
async def list_appeals(
    request: Request,
    cursor: Annotated[Cursor, Depends(paged())],
    user_id: Annotated[str, Query(max_length=120, pattern=r"^[\x21-\x7e]*$", description="of one account only")] = "",
) -> dict[str, Any]:
    """In the order in which they came."""
    rows = await store_of(request).fetch(lambda connection: appeals_of(connection, cursor, user_id or None))
    return listing(rows, appeal_view)


@router.get(
    "/appeals/{appeal_id}",
    dependencies=[Depends(allowed(APPEALS))],
    summary="What came of an appeal",
    responses={200: {"model": answers.Appeal}, **problems_of("appeal_unknown")},
)
async def get_appeal(request: Request, appeal_id: Id) -> Response:
    """The outcome, and the text for the customer in both languages."""
    appeal = await store_of(request).fetch(lambda connection: find_appeal(connection, appeal_id))
    return found(appeal_view(appeal) if appeal is not None else None, "appeal_unknown")
