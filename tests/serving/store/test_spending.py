"""What a round has cost so far: expected while an offer can still be used, real afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.shop import cart

from serving.store.spending import coming_between, taken_between


async def _offer(shop: Any, user: str) -> str:
    answer = (await shop.post("issuance", "/v1/triggers", {"user_id": user, "campaign_id": "spring"})).json()
    return str(answer["decision_id"])


async def _claim(shop: Any, user: str, decision: str) -> str:
    claim = {"user_id": user, "decision_id": decision}
    return str((await shop.post("issuance", "/v1/claims", claim)).json()["coupon_id"])


async def test_open_offers_cost_what_is_expected_and_closed_ones_what_was_paid(shop: Any) -> None:
    cut = {"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": 500}
    await shop.template("cut", deduction=cut, access="decision", validity={"kind": "days", "days": 7})
    shop.scoring.offer = "cut"
    start = shop.clock()
    for user in ("waits", "holds", "pays", "returns"):
        decision = await _offer(shop, user)
        if user == "waits":
            continue
        coupon = await _claim(shop, user, decision)
        if user == "holds":
            continue
        order = {"user_id": user, "coupon_ids": [coupon], "order_id": f"o-{user}", "cart": cart(5000)}
        paid = (await shop.post("checkout", "/v1/redemptions", order)).json()
        if user == "returns":
            lines = [{"line_no": line["line_no"], "units": [1]} for line in paid["lines"]]
            back = {"user_id": user, "redemption_id": paid["redemption_id"], "lines": lines}
            assert (await shop.post("checkout", "/v1/refunds", back)).status_code == 201
    shop.scoring.offer = "none"
    await _offer(shop, "nothing")
    url = shop.settings.ledger_url

    soon = start + timedelta(hours=1)
    expected = 5.0  # what the scoring service of the tests expects of any offer
    now = {taken.user_id: taken.cents for taken in taken_between(url, start, soon)}
    assert now == {"waits": expected, "holds": expected, "pays": 500.0, "returns": 0.0, "nothing": 0.0}
    late = start + timedelta(days=30)
    later = {taken.user_id: taken.cents for taken in taken_between(url, start, late)}
    assert later == {"waits": 0.0, "holds": 0.0, "pays": 500.0, "returns": 0.0, "nothing": 0.0}
    assert taken_between(url, soon, late) == []


async def test_days_on_which_people_come_are_counted_once_each(shop: Any) -> None:
    start = shop.clock()
    for day, users in enumerate((("a", "b"), ("a",), ("a", "c"))):
        for user in users:
            await _offer(shop, user)
            await _offer(shop, user)
        if day < 2:
            shop.clock.forward(days=1)
    coming = coming_between(shop.settings.ledger_url, start, start + timedelta(days=5))
    assert coming.days == 3
    assert coming.of_user == {"a": 3, "b": 1, "c": 1}
    assert coming_between(shop.settings.ledger_url, start - timedelta(days=9), start).days == 0


def test_a_ledger_that_is_not_there_is_named(tmp_path: Any) -> None:
    from datetime import datetime

    from features.errors import InputError

    with pytest.raises(InputError, match=r"^ledger: got"):
        taken_between(f"sqlite:///{tmp_path}/none.db", datetime(2026, 1, 1), datetime(2026, 1, 2))
