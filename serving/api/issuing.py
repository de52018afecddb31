"""Routes of the issuance service and of the abuse flow: triggers, claims, wallets, flags."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from serving.api import bodies
from serving.api.access import allowed
from serving.api.paging import After, Id, Limit, page, store_of
from serving.api.writes import Write, writes
from serving.issuer import Issuer
from serving.keys import CLAIMS, REVIEW, TRIGGERS, WALLET
from serving.review.store import upsert
from serving.store import coupons as repository
from serving.views import coupon_view

router = APIRouter(prefix="/v1")


@router.post("/triggers", status_code=201, tags=["issuer"])
async def trigger(
    request: Request, body: bodies.TriggerBody, write: Annotated[Write, Depends(writes(TRIGGERS))]
) -> Response:
    """Decide which offer this user gets, if any; the decision is stored with its propensity and reason."""
    issuer: Issuer = request.app.state.issuer
    return await write.consult(body, lambda: issuer.trigger(body.who(), body.trigger, body.campaign_id))


@router.post("/claims", status_code=201, tags=["issuer"])
async def claim(request: Request, body: bodies.ClaimBody, write: Annotated[Write, Depends(writes(CLAIMS))]) -> Response:
    """Issue a coupon if risk and every limit allow it."""
    issuer: Issuer = request.app.state.issuer
    return await write.consult(body, lambda: issuer.claim(body.who(), body.template_id, body.decision_id))


@router.get("/users/{user_id}/wallet", tags=["issuer"], dependencies=[Depends(allowed(WALLET))])
async def wallet(request: Request, user_id: Id, limit: Limit = 50, starting_after: After = "") -> dict[str, Any]:
    """The user's coupons by id; an unknown user has none."""
    rows = await store_of(request).fetch(lambda c: repository.wallet(c, user_id, starting_after, limit + 1))
    return page([coupon_view(coupon, template) for coupon, template in rows], limit)


@router.post("/flags", tags=["review"])
async def put_flags(body: bodies.FlagsBody, write: Annotated[Write, Depends(writes(REVIEW))]) -> Response:
    """Flags of an abuse run: one case per ring or user; the same flags twice change nothing."""
    command = upsert([flag.value() for flag in body.flags], "flow")
    return await write.run(body, command)
