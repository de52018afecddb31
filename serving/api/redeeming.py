"""Routes of the checkout: quotes, holds, redemptions, rollbacks, refunds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from serving.api import bodies
from serving.api.access import allowed
from serving.api.writes import Write, writes
from serving.keys import ORDERS, QUOTES
from serving.redeemer import Redeemer

router = APIRouter(prefix="/v1", tags=["redeemer"])


@router.post("/quotes", dependencies=[Depends(allowed(QUOTES))])
async def quote(request: Request, body: bodies.QuoteBody) -> dict[str, Any]:
    """Usable and unusable coupons for a cart with the reason, the best one, and its split by line and unit."""
    redeemer: Redeemer = request.app.state.redeemer
    return await redeemer.quote(body.user_id, body.cart.value())


@router.post("/holds", status_code=201)
async def hold(request: Request, body: bodies.HoldBody, write: Annotated[Write, Depends(writes(ORDERS))]) -> Response:
    """Lock a coupon for an order until a deadline."""
    redeemer: Redeemer = request.app.state.redeemer
    command = redeemer.hold(body.user_id, body.coupon_id, body.order_id, body.cart.value())
    return await write.run(body, command)


@router.post("/redemptions", status_code=201)
async def redeem(
    request: Request, body: bodies.RedemptionBody, write: Annotated[Write, Depends(writes(ORDERS))]
) -> Response:
    """The order is paid: the coupon is used and its split frozen."""
    redeemer: Redeemer = request.app.state.redeemer
    if body.hold_id is not None:
        command = redeemer.redeem(body.user_id, body.hold_id)
    else:
        coupon_id, order_id, cart = body.direct()
        command = redeemer.redeem_now(body.user_id, coupon_id, order_id, cart.value())
    return await write.run(body, command)


@router.post("/rollbacks", status_code=201)
async def roll_back(
    request: Request, body: bodies.RollbackBody, write: Annotated[Write, Depends(writes(ORDERS))]
) -> Response:
    """The order is undone; the coupon comes back where the scene and its validity allow."""
    redeemer: Redeemer = request.app.state.redeemer
    command = redeemer.roll_back(body.user_id, body.scene, hold_id=body.hold_id, redemption_id=body.redemption_id)
    return await write.run(body, command)


@router.post("/refunds", status_code=201)
async def refund(
    request: Request, body: bodies.RefundBody, write: Annotated[Write, Depends(writes(ORDERS))]
) -> Response:
    """Units come back, each for its price less its frozen share of the discount."""
    redeemer: Redeemer = request.app.state.redeemer
    command = redeemer.refund(body.user_id, body.redemption_id, body.units())
    return await write.run(body, command)
