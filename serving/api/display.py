"""Routes of what users are shown (F096–F099): one for each place. Reads only.

An unknown user is answered like one who has no coupons: no answer says whether somebody exists.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request

from serving.api.access import allowed, side_of
from serving.api.answers import display as answers
from serving.api.order_bodies import QuoteBody
from serving.api.paging import Cursor, Id, paged
from serving.coupons.cart import Line
from serving.coupons.money import MAX_CENTS
from serving.display import Display
from serving.keys import QUOTES, WALLET

router = APIRouter(prefix="/v1", tags=["display"])
Word = Annotated[str | None, Query(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f|]+$")]
User = Annotated[
    str | None,
    Query(min_length=1, max_length=120, pattern=r"^[\x21-\x7e]+$", description="say what this user may take"),
]
_WALLET = Depends(allowed(WALLET))

_TEXT = {"en": "Spend 99, save 20", "zh": "满99元减20元"}
_FACE: dict[str, Any] = {
    "template_id": "newcomer_99_20",
    "name": "Newcomer 99-20",
    "kind": "threshold_cut",
    "type": {"en": "Spend and save", "zh": "满减券"},
    "class": {"code": "newcomer", "en": "Newcomer", "zh": "新人券"},
    "condition": _TEXT,
    "description": "For your first order.",
    "image": "https://img.example.com/coupon.png",
    "use_link": "shop://category/beauty",
    "scope": "category:beauty",
    "terminals": [],
    "stackable": True,
}
_CARD: dict[str, Any] = {
    "coupon_id": "cpn_01kqgdbj000000000000000000",
    **_FACE,
    "state": "unused",
    "held_until": "2026-05-01T04:35:00Z",
    "uses_left": 1,
    "claimed_at": "2026-05-01T04:00:00Z",
    "valid_from": "2026-05-01T04:00:00Z",
    "valid_until": "2026-05-07T16:00:00Z",
    "expiring_soon": False,
}
_OFFER: dict[str, Any] = {
    **_FACE,
    "deduction": {"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2000, "strict": False},
    "validity": {"kind": "days", "days": 7},
    "delivery": "claim",
    "scarcity": {"quantity": 500, "remaining": 120, "en": "Limited to 500, 120 left", "zh": "限量500张，剩余120张"},
    "claimable": False,
    "why_not": {"code": "newcomer_only", "detail": "This coupon is for new users.", "detail_zh": "该券仅限新用户。"},
}


def _answers(model: Any, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": {"application/json": {"example": example}}}}


def display_of(request: Request) -> Display:
    """The reads of the ledger that this request works on."""
    side = side_of(request)
    issuer = side.issuer
    return Display(side.store, side.redeemer, issuer.zone, issuer.policy.links)


@router.get(
    "/users/{user_id}/wallet",
    dependencies=[_WALLET],
    summary="Show a wallet",
    responses=_answers(answers.Wallet, {"data": [_CARD], "has_more": False}),
)
async def wallet(
    request: Request,
    user_id: Id,
    cursor: Annotated[Cursor, Depends(paged(50))],
    state: Annotated[Literal["unused", "used", "expired"] | None, Query(description="only this state")] = None,
) -> dict[str, Any]:
    """The user's cards by coupon id. Locked coupons are unused with ``held_until``; what was taken back is expired."""
    return await display_of(request).wallet(user_id, cursor, state)


@router.get(
    "/users/{user_id}/personal-centre",
    dependencies=[_WALLET],
    summary="Show the personal centre",
    responses=_answers(
        answers.PersonalCentre,
        {"counts": {"unused": 1, "used": 0, "expired": 0}, "expiring_soon": [_CARD], "offers": [_OFFER]},
    ),
)
async def personal_centre(request: Request, user_id: Id) -> dict[str, Any]:
    """How many coupons of each state, those that end within three days (F087), and what may be taken here."""
    return await display_of(request).personal_centre(user_id)


@router.get(
    "/coupon-centre",
    dependencies=[_WALLET],
    summary="Show the coupon centre",
    responses=_answers(answers.CouponCentre, {"data": [_OFFER], "has_more": False}),
)
async def coupon_centre(
    request: Request, cursor: Annotated[Cursor, Depends(paged())], user_id: User = None
) -> dict[str, Any]:
    """Coupons to take, by template id, with how many are left; for a user, whether they may and otherwise why not."""
    return await display_of(request).place("coupon_centre", cursor, user_id)


@router.get(
    "/places/{place}/offers",
    dependencies=[_WALLET],
    summary="Show what a place offers",
    responses=_answers(answers.CouponCentre, {"data": [_OFFER], "has_more": False}),
)
async def place_offers(
    request: Request,
    place: Literal["venue_page", "activity"],
    cursor: Annotated[Cursor, Depends(paged())],
    user_id: User = None,
) -> dict[str, Any]:
    """The same for the other places where coupons are taken (F058): venue pages and activities."""
    return await display_of(request).place(place, cursor, user_id)


@router.get(
    "/products/{sku}/offers",
    dependencies=[_WALLET],
    summary="Show what is on for a product",
    responses=_answers(
        answers.ProductOffers, {"sku": "cream-50", "flash_sale": [], "quantity": [], "gift": [], "coupon": [_OFFER]}
    ),
)
async def product_offers(
    request: Request,
    sku: Annotated[str, Path(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f|]+$")],
    category: Annotated[str, Query(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f|]+$")],
    brand: Word = None,
    merchant_id: Word = None,
    price_cents: Annotated[int, Query(ge=0, le=MAX_CENTS)] = 0,
    tags: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    special: bool = False,
    user_id: User = None,
) -> dict[str, Any]:
    """Everything that is on for one product, together: flash sale, quantity promotions, gifts and coupons (F097)."""
    line = Line(
        1,
        sku,
        category,
        1,
        price_cents,
        brand=brand,
        merchant_id=merchant_id,
        tags=tuple(tags),
        special=special,
    )
    return await display_of(request).product_page(line, user_id)


@router.post(
    "/order-confirmation",
    dependencies=[Depends(allowed(QUOTES))],
    summary="Show an order before it is placed",
    responses={200: {"model": answers.OrderConfirmation}},
)
async def order_confirmation(request: Request, body: QuoteBody) -> dict[str, Any]:
    """The cart as it stands: usable and unusable coupons with the reason (F099), and the best ones selected (F102)."""
    return await display_of(request).order_confirmation(body.who(body.cart.terminal), body.cart.value())
