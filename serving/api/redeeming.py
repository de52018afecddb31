"""Routes of the checkout: quotes, holds, redemptions, rollbacks, refunds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from serving.api.access import allowed, side_of
from serving.api.answers import orders as answers
from serving.api.answers import refused
from serving.api.answers.trials import TriedQuote
from serving.api.order_bodies import HoldBody, RedemptionBody, RefundBody, RollbackBody
from serving.api.paging import Id, found
from serving.api.problems import answer_response, request_id
from serving.api.quote_bodies import TrialQuoteBody
from serving.api.writes import Write, writes
from serving.coupons.refusals import Refuse
from serving.keys import ORDERS, QUOTES
from serving.openapi.describe import problems_of
from serving.redeemer import Redeemer
from serving.store.unit import Answer, refusal
from serving.trial import NO_TRIAL

Owner = Annotated[str | None, Query(max_length=120, description="answer only if it is this user's")]
_NO_RETURN = ("freight_already_refunded", "line_unknown", "unit_already_refunded", "unit_unknown")

router = APIRouter(prefix="/v1", tags=["redeemer"])


def _redeemer(request: Request) -> Redeemer:
    return side_of(request).redeemer


@router.post(
    "/quotes",
    dependencies=[Depends(allowed(QUOTES))],
    summary="Price a cart with the user's coupons",
    response_model=None,
    responses={200: {"model": TriedQuote}, **problems_of(*_NO_RETURN)},
)
async def quote(request: Request, body: TrialQuoteBody) -> dict[str, Any] | Response:
    """Usable and unusable coupons for a cart with the reason, and the best combination, split by line and unit.

    `at`, `with_templates` and `refund` try out what is not so; a refusal is one of `refund`.
    """
    who, cart, trial = body.who(body.cart.terminal), body.cart.value(), body.trial()
    if trial == NO_TRIAL:
        return await _redeemer(request).quote(who, cart)
    quoted = await _redeemer(request).try_out(who, cart, trial)
    if not isinstance(quoted, Refuse):
        return quoted
    said = refusal(quoted)
    return answer_response(Answer(said.status, {**said.body, "request_id": request_id.get()}))


@router.post(
    "/holds",
    status_code=201,
    summary="Place an order",
    responses={201: {"model": answers.Held}, **problems_of(*refused.HOLD)},
)
async def hold(request: Request, body: HoldBody, write: Annotated[Write, Depends(writes(ORDERS))]) -> Response:
    """Place an order: its coupons are locked until a deadline and its price is frozen."""
    who, cart = body.who(body.cart.terminal), body.cart.value()
    return await write.consult(body, lambda: _redeemer(request).hold(who, body.coupon_ids, body.order_id, cart))


@router.get(
    "/holds/{hold_id}",
    dependencies=[Depends(allowed(ORDERS))],
    summary="Get a hold",
    responses={200: {"model": answers.Order}, **problems_of("hold_unknown")},
)
async def find_hold(request: Request, hold_id: Id, user_id: Owner = None) -> Response:
    """A hold with its receipt and what has happened to it; with ``user_id``, only if it is this user's."""
    return found(await _redeemer(request).find(user_id, hold_id=hold_id), "hold_unknown")


@router.get(
    "/orders/{order_id}",
    dependencies=[Depends(allowed(ORDERS))],
    summary="Get an order",
    responses={200: {"model": answers.Order}, **problems_of("order_unknown")},
)
async def find_order(request: Request, order_id: Id, user_id: Owner = None) -> Response:
    """What an order has now, or had last, with its receipt; with ``user_id``, only if it is this user's."""
    return found(await _redeemer(request).find(user_id, order_id=order_id), "order_unknown")


@router.post(
    "/redemptions",
    status_code=201,
    summary="Pay an order",
    responses={201: {"model": answers.Redeemed}, **problems_of(*refused.REDEEM)},
)
async def redeem(request: Request, body: RedemptionBody, write: Annotated[Write, Depends(writes(ORDERS))]) -> Response:
    """The order is paid: its coupons are used. A payment after the deadline counts while its coupons are free."""
    if body.hold_id is not None:
        hold_id, who = body.hold_id, body.who()
        return await write.consult(body, lambda: _redeemer(request).redeem(who, hold_id))
    coupon_ids, order_id, bought = body.direct()
    who, cart = body.who(bought.terminal), bought.value()
    return await write.consult(body, lambda: _redeemer(request).redeem_now(who, coupon_ids, order_id, cart))


@router.post(
    "/rollbacks",
    status_code=201,
    summary="Undo an order",
    responses={201: {"model": answers.Undone}, **problems_of(*refused.ROLL_BACK)},
)
async def roll_back(request: Request, body: RollbackBody, write: Annotated[Write, Depends(writes(ORDERS))]) -> Response:
    """The order is undone; its coupons come back where the scene and their validity allow."""
    command = _redeemer(request).roll_back(
        body.user_id, body.scene, hold_id=body.hold_id, redemption_id=body.redemption_id
    )
    return await write.run(body, command)


@router.post(
    "/refunds",
    status_code=201,
    summary="Refund units of an order",
    responses={201: {"model": answers.Refunded}, **problems_of(*refused.REFUND)},
)
async def refund(request: Request, body: RefundBody, write: Annotated[Write, Depends(writes(ORDERS))]) -> Response:
    """Units come back, each for what was paid for it by the frozen receipt, in any order and once."""
    command = _redeemer(request).refund(body.user_id, body.redemption_id, body.units(), freight=body.freight)
    return await write.run(body, command)
