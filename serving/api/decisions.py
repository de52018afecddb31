"""Routes for support and operators: why a user got an offer, and why a user cannot have a coupon. Reads only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from serving.api.access import allowed, side_of
from serving.api.answers import decisions as answers
from serving.api.paging import Id, found, store_of
from serving.explain import explain
from serving.keys import DECISIONS
from serving.openapi.describe import problems_of
from serving.why_not import why_not

router = APIRouter(prefix="/v1", tags=["decisions"])
_READS = Depends(allowed(DECISIONS))
Template = Annotated[str, Query(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]


@router.get(
    "/decisions/{decision_id}/explain",
    dependencies=[_READS],
    summary="Explain a decision",
    responses={200: {"model": answers.Explained}, **problems_of("decision_unknown")},
)
async def explain_decision(request: Request, decision_id: Id) -> Response:
    """Eligible offers with value, cost, prices and score, the runner-up and what would have turned the choice.

    Everything is as it was stored when the decision was taken; only `after` is of now.
    """
    store = store_of(request)
    view = await store.fetch(lambda connection: explain(connection, decision_id, store.clock()))
    return found(view, "decision_unknown")


@router.get(
    "/users/{user_id}/why-not",
    dependencies=[_READS],
    summary="Ask why a coupon cannot be claimed",
    responses={200: {"model": answers.WhyNot}},
)
async def why_not_claimable(request: Request, user_id: Id, template_id: Template) -> dict[str, Any]:
    """The first limit in the way of a claim with its counter and the distance; the claim is rehearsed, not made."""
    return await why_not(side_of(request).issuer, user_id, template_id)
