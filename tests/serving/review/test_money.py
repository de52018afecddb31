"""Coupons that a verdict takes back and an undoing returns, cents at risk, and what a judgement would do."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.cases import case_of, decided, do, judgement, open_cases
from fakes.many_cases import fill
from fakes.shop import cart
from sqlalchemy import select

from serving.review.case import Flag
from serving.review.money import at_risk, at_risk_by_case, at_risk_of_case
from serving.review.push import put_flags
from serving.review.work import judge, release_member, undo
from serving.store.schema import coupons
from serving.store.unit import Answer
from serving.store.verify import verify_ledger


@pytest.fixture
async def case_id(shop: Any) -> str:
    """A ring: ``a`` has two live coupons, ``b`` one, ``c`` has paid with one and refunded nothing."""
    await shop.template()
    for user in ("a", "a", "b"):
        await shop.coupon(user)
    body = {"user_id": "c", "coupon_ids": [await shop.coupon("c")], "order_id": "o", "cart": cart(5000)}
    assert (await shop.post("checkout", "/v1/redemptions", body)).status_code == 201
    put_flags(shop.store, [Flag(user, 0.9, "withhold", (), "R1") for user in "abc"])
    (case,) = shop.store.read(open_cases)
    return case.case_id


def states(shop: Any) -> dict[str, list[str]]:
    rows = shop.store.read(lambda c: c.execute(select(coupons.c.user_id, coupons.c.state)).all())
    return {user: sorted(state for who, state in rows if who == user) for user in "abc"}


async def test_undoing_returns_exactly_what_the_decision_took(shop: Any, case_id: str) -> None:
    before = states(shop)
    decided(shop.store, case_id, "abusive", "revoke", members={"b": ("abusive", "hold")})
    assert states(shop) == {"a": ["revoked", "revoked"], "b": ["unused"], "c": ["used"]}
    assert do(shop.store, "staff:sam", undo(case_id, "staff:sam", "slip", "")).status == 200
    assert states(shop) == before
    logged = (await shop.get("reviewer", "/v1/users/a/actions")).json()["data"]
    assert [action["undone_by"] for action in logged] == ["staff:sam"]
    decided(shop.store, case_id, "abusive", "revoke")
    shop.clock.forward(days=8)
    do(shop.store, "staff:sam", undo(case_id, "staff:sam", "slip", ""))
    assert states(shop) == {"a": ["expired", "expired"], "b": ["expired"], "c": ["used"]}, "their time is over"
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_an_appeal_returns_the_coupons_of_its_account_only(shop: Any, case_id: str) -> None:
    decided(shop.store, case_id, "abusive", "revoke")
    granted: Any = lambda tx: release_member(tx, case_id, "a", "appeal") or Answer(200, {})  # noqa: E731
    assert do(shop.store, "staff:lena", granted).status == 200
    assert states(shop) == {"a": ["unused", "unused"], "b": ["revoked"], "c": ["used"]}
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_at_risk_is_what_is_live_and_what_was_taken(shop: Any, case_id: str) -> None:
    expected = {"a": 1600, "b": 800, "c": 800}
    assert shop.store.read(lambda c: at_risk(c, ["a", "b", "c", "nobody"])) == expected
    assert shop.store.read(lambda c: at_risk_of_case(c, case_id)) == 3200
    assert shop.store.read(lambda c: at_risk_by_case(c, "open")) == {case_id: 3200}
    assert shop.store.read(lambda c: at_risk_by_case(c, case_ids=["none"])) == {}
    do(shop.store, "staff:rita", judge(case_id, "staff:rita", judgement(), 3200))
    assert case_of(shop.store, case_id).proposal is None, "no lease, no proposal"


@pytest.mark.parametrize(("limit", "state"), [(3200, "proposed"), (3201, "decided")])
async def test_two_decide_from_the_amount_on(shop: Any, case_id: str, limit: int, state: str) -> None:
    from serving.review.work import claim

    do(shop.store, "staff:rita", claim(case_id, "staff:rita", 5))
    assert do(shop.store, "staff:rita", judge(case_id, "staff:rita", judgement(), limit)).body["state"] == state


def test_a_filled_queue_is_a_ledger_like_any_other(store: Any) -> None:
    fill(store, 30, 40, claimed=False)
    assert verify_ledger(store.url).exact
    assert len(store.read(open_cases)) == 31
