"""Claims and pushes over HTTP: what reaches the wallet, what is told, what is kept."""

from __future__ import annotations

import asyncio
from datetime import date, time
from typing import Any

import pytest
from fakes.desk import tally, told
from fakes.shop import cart

from serving.coupons.audience import Audience
from serving.coupons.kinds import NoThreshold, Percent
from serving.coupons.template import Card
from serving.coupons.validity import FixedDates, MinutesFromClaim
from serving.coupons.windows import Window

NEWCOMERS = Audience(newcomer=True)


@pytest.mark.requirement("F056")
async def test_a_claim_answers_with_the_coupon_and_its_expiry(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    made = (await desk.claim("u1")).json()
    assert made["coupon_id"].startswith("cpn_")
    assert made["valid_until"] == "2026-05-07T16:00:00Z"  # the end of the seventh day in the shop
    assert (made["source"], made["state"]) == ("claim", "unused")
    assert [coupon["coupon_id"] for coupon in desk.wallet("u1")] == [made["coupon_id"]]
    desk.verify()


@pytest.mark.requirement("F057")
@pytest.mark.requirement("F069")
async def test_a_pushed_coupon_is_in_the_wallet_logged_and_announced_over_its_channels(small_desk: Any) -> None:
    desk = small_desk
    channels = ["sms", "in_app", "official_account"]
    desk.template(delivery="push", card=Card(channels=tuple(channels)))
    made = (await desk.push("cut", "u1", ref="wake_up_30")).json()
    assert (made["source"], made["channels"]) == ("push", channels)
    assert [coupon["coupon_id"] for coupon in desk.wallet("u1")] == [made["coupon_id"]]
    (event,) = desk.events("coupon.claimed")
    assert (event["source"], event["ref"], event["user_id"]) == ("push", "wake_up_30", "u1")
    (wish,) = desk.events("notification.wanted")
    assert (wish["coupon_id"], wish["channels"], wish["user_id"]) == (made["coupon_id"], channels, "u1")
    assert told(await desk.claim("u1")) == "not_claimable"
    desk.template("quiet")
    assert (await desk.push("quiet", "u1")).json()["channels"] == []
    assert len(desk.events("notification.wanted")) == 1
    desk.verify()


async def test_a_push_to_many_answers_for_each_and_is_safe_to_send_again(desk: Any) -> None:
    desk.template(per_user=1, quantity=40)
    await desk.claim("u3")
    users = [f"u{n}" for n in range(50)]
    first = await desk.push_all("cut", users, "bulk-1")
    body = first.json()
    assert (body["issued"], body["refused"]) == (39, 11)
    assert [row["user_id"] for row in body["data"]] == users
    refused = {row["user_id"]: row["answer"]["code"] for row in body["data"] if row["status"] != 201}
    assert refused.pop("u3") == "user_limit_total"
    assert set(refused.values()) == {"quantity_exhausted"}
    again = await desk.push_all("cut", users, "bulk-1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == body
    other = await desk.push_all("cut", users[:2], "bulk-1")
    assert told(other) == "key_reused"
    assert desk.issued() == 40
    desk.verify()


async def test_a_push_of_a_template_that_is_not_there_is_refused_as_a_whole(small_desk: Any) -> None:
    answer = await small_desk.push_all("no_such", ["u1", "u2"])
    assert (answer.status_code, answer.json()["code"]) == (404, "template_unknown")


async def test_a_push_that_was_cut_off_serves_nobody_twice_when_it_is_sent_again(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    users, served = [f"u{n}" for n in range(30)], desk.store.run
    calls = 0

    async def failing(asked: Any, command: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 12:
            raise RuntimeError("the process is gone")
        return await served(asked, command, **more)

    desk.store.run = failing
    assert (await desk.push_all("cut", users, "bulk")).status_code == 500
    desk.store.run = served
    assert desk.issued() == 12
    assert (await desk.push_all("cut", users, "bulk")).json()["issued"] == 30
    assert desk.issued() == 30
    assert all(len(desk.wallet(user)) == 1 for user in users)
    desk.verify()


@pytest.mark.parametrize("wrong", [{}, {"user_id": "a", "user_ids": ["b"]}, {"user_ids": ["a", "a"]}])
async def test_a_push_names_one_user_or_a_list_of_different_ones(small_desk: Any, wrong: dict[str, Any]) -> None:
    answer = await small_desk.post("issuance", "/v1/pushes", {"template_id": "cut", **wrong})
    assert answer.status_code == 422
    many = {"template_id": "cut", "user_ids": [f"u{n}" for n in range(1001)]}
    assert (await small_desk.post("issuance", "/v1/pushes", many)).status_code == 422


@pytest.mark.requirement("F058")
@pytest.mark.requirement("F023")
async def test_source_and_place_are_kept_with_every_claim(small_desk: Any) -> None:
    desk = small_desk
    places = ("coupon_centre", "product_page", "venue_page", "activity")
    desk.template(card=Card(places=places))
    for place in places:
        assert told(await desk.claim("u1", place=place, source="game")) == "won"
    assert told(await desk.claim("u1", place="order_confirmation")) == "place_mismatch"
    assert [(event["place"], event["source"]) for event in desk.events("coupon.claimed")] == [
        (place, "game") for place in places
    ]
    assert (await desk.claim("u1", place="my_garden")).status_code == 422


@pytest.mark.requirement("F204")
async def test_a_coupon_of_the_eleventh_can_be_claimed_the_day_before_and_not_the_day_after(small_desk: Any) -> None:
    small_desk.template(validity=FixedDates(date(2026, 11, 11), date(2026, 11, 11)))
    small_desk.at("2026-11-10", "10:00")
    made = (await small_desk.claim("u1")).json()
    assert (made["valid_from"], made["valid_until"]) == ("2026-11-10T16:00:00Z", "2026-11-11T16:00:00Z")
    small_desk.at("2026-11-12", "00:00")
    assert told(await small_desk.claim("u2")) == "claim_over"


@pytest.mark.requirement("F208")
@pytest.mark.requirement("F066")
@pytest.mark.parametrize("kind", ["phone", "identity", "device"])
async def test_an_old_user_under_a_new_account_gets_no_newcomer_coupon(small_desk: Any, kind: str) -> None:
    desk = small_desk
    desk.template(audience=NEWCOMERS)
    desk.user("old", orders=3, **{kind: "13800138000"})
    desk.user("new", **{kind: "13800138000"})
    assert told(await desk.claim("old")) == "newcomer_only"
    assert told(await desk.claim("new")) == "newcomer_linked"
    desk.user("other", **{kind: "13900139000"})
    assert told(await desk.claim("other")) == "won"
    assert told(await desk.claim("unheard_of")) == "profile_required"


@pytest.mark.requirement("F208")
async def test_a_dormitory_gets_its_newcomer_coupons_and_they_are_looked_at(small_desk: Any) -> None:
    desk = small_desk
    home = "1 Long Street, Springfield 12345"
    desk.template(audience=NEWCOMERS)
    desk.user("old", orders=3, address=home)
    desk.user("new")
    made = (await desk.claim("new", address=home)).json()
    assert desk.events("claim.noticed") == [{"claimed_id": made["coupon_id"], "user_id": "new", "links": ["address"]}]
    desk.verify()


@pytest.mark.requirement("F070")
@pytest.mark.requirement("F025")
async def test_only_tagged_users_get_the_coupon_of_their_tag(small_desk: Any) -> None:
    desk = small_desk
    desk.template(audience=Audience(tags=("A",)))
    desk.user("a", tags=("A",))
    desk.user("b", tags=("B",))
    assert [told(await desk.claim(user)) for user in ("a", "b")] == ["won", "audience_mismatch"]
    assert [told(await desk.push("cut", user)) for user in ("a", "b")] == ["won", "audience_mismatch"]


async def reasons(desk: Any, user_id: str, **bought: Any) -> list[str]:
    """For each coupon of the user, why it cannot be used for this cart; nothing when it can."""
    answer = await desk.post("checkout", "/v1/quotes", {"user_id": user_id, "cart": cart(5000, **bought)})
    assert answer.status_code == 200, answer.text
    return [row["code"] for row in answer.json()["unusable"]]


@pytest.mark.requirement("F044")
async def test_a_coupon_of_the_finance_app_is_claimed_anywhere_and_used_only_there(small_desk: Any) -> None:
    small_desk.template(terminals=("finance_app",))
    assert (await small_desk.claim("u1")).json()["template"]["terminals"] == ["finance_app"]
    assert await reasons(small_desk, "u1", terminal="finance_app") == []
    assert await reasons(small_desk, "u1", terminal="main_app") == ["terminal_mismatch"]


@pytest.mark.requirement("F018")
async def test_a_coupon_of_two_hours_claimed_at_ten_ends_at_noon(small_desk: Any) -> None:
    small_desk.template(validity=MinutesFromClaim(120))
    small_desk.at("2026-05-01", "10:00")
    assert (await small_desk.claim("u1")).json()["valid_until"] == "2026-05-01T04:00:00Z"
    small_desk.at("2026-05-01", "11:59")
    assert await reasons(small_desk, "u1") == []
    small_desk.at("2026-05-01", "12:01")
    assert await reasons(small_desk, "u1") == ["coupon_expired"]


@pytest.mark.requirement("F019")
async def test_an_early_bird_coupon_claimed_in_the_evening_is_used_from_eight_to_ten(small_desk: Any) -> None:
    small_desk.template(windows=(Window(time(8), time(10)),))
    small_desk.at("2026-05-01", "21:00")
    assert told(await small_desk.claim("u1")) == "won"
    found = {}
    for clock in ("07:59", "08:00", "10:01"):
        small_desk.at("2026-05-02", clock)
        found[clock] = await reasons(small_desk, "u1")
    assert found == {"07:59": ["outside_hours"], "08:00": [], "10:01": ["outside_hours"]}


@pytest.mark.requirement("F013")
async def test_a_first_order_is_cut_without_a_claim_and_the_second_is_not(small_desk: Any) -> None:
    desk = small_desk
    desk.user("u1")
    desk.template(kind=NoThreshold(1000), delivery="automatic", audience=Audience(first_order=True))
    assert told(await desk.claim("u1")) == "not_claimable"
    paid = []
    for order in ("o1", "o2"):
        quote = (await desk.post("checkout", "/v1/quotes", {"user_id": "u1", "cart": cart(8000)})).json()
        ids = [row["coupon_id"] for row in quote["usable"]]
        paid.append(quote["payable_cents"])
        body = {"user_id": "u1", "coupon_ids": ids, "order_id": order, "cart": cart(8000)}
        if ids:
            assert (await desk.post("checkout", "/v1/redemptions", body)).status_code == 201
    assert paid == [7000, 8000]
    assert [event["source"] for event in desk.events("coupon.claimed")] == ["automatic"]
    desk.verify()


async def test_a_percent_coupon_counts_its_uses_against_the_liability(small_desk: Any) -> None:
    desk = small_desk
    desk.campaign("c", liability_cents=2 * 3 * 500 + 100)
    desk.template(kind=Percent(10, 500), uses=3, campaign_id="c")
    found = await asyncio.gather(*(desk.claim(f"u{n}") for n in range(6)))
    assert tally(found) == {"won": 2, "liability_exhausted": 4}
    desk.verify()
