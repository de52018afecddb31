"""What users are shown: one read for each place, from the same rules as a claim, saying nothing about strangers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.shop import Clock, cart
from fakes.stall import Stall
from fakes.till import basket

from serving.api.answers import display as shown
from serving.api.answers import templates

CUT = {"deduction": {"kind": "threshold_cut", "minimum_cents": 20_000, "face_cents": 5_000}}
EVERYWHERE = {"card": {"places": ["coupon_centre", "product_page", "personal_centre", "order_confirmation"]}}
PAGE = {"card": {"places": ["product_page"]}}


@pytest.fixture
async def stall(tmp_path: Path, ledger_url: str, clock: Clock) -> AsyncIterator[Stall]:
    made = Stall(tmp_path, ledger_url, clock)
    yield made
    await made.close()


@pytest.fixture
async def small_stall(tmp_path: Path, sqlite_url: str, clock: Clock) -> AsyncIterator[Stall]:
    made = Stall(tmp_path, sqlite_url, clock)
    yield made
    await made.close()


@pytest.mark.requirement("F096")
async def test_a_wallet_card_has_every_field_of_the_issuing_api(stall: Stall) -> None:
    card = {"link": "shop://beauty", "image": "https://img.example.com/c.png", "description": "For you."}
    await stall.template("cut", **CUT, name="200-50", card=card)
    coupon_id = await stall.claim("u1", "cut")
    (shown,) = (await stall.get("checkout", "/v1/users/u1/wallet"))["data"]
    assert shown["coupon_id"] == coupon_id
    assert shown["name"] == "200-50"
    assert shown["type"] == {"en": "Spend and save", "zh": "满减券"}
    assert shown["valid_from"] < shown["valid_until"]
    assert (shown["image"], shown["use_link"]) == ("https://img.example.com/c.png", "shop://beauty")
    assert shown["condition"] == {"en": "Spend 200, save 50", "zh": "满200元减50元"}
    assert shown["description"] == "For you."


@pytest.mark.requirement("F098")
async def test_a_wallet_has_three_states_and_a_rollback_brings_a_used_coupon_back(stall: Stall) -> None:
    await stall.template()
    for _ in range(3):
        await stall.claim("u1")
    held, used, _ = [card["coupon_id"] for card in (await stall.get("checkout", "/v1/users/u1/wallet"))["data"]]
    assert (await stall.till.hold("u1", [held], "o1")).status == 201
    paid = await stall.till.buy("u1", [used], "o2")

    async def of(state: str) -> list[str]:
        found = await stall.get("checkout", f"/v1/users/u1/wallet?state={state}")
        assert {card["state"] for card in found["data"]} <= {state}
        return [card["coupon_id"] for card in found["data"]]

    assert (len(await of("unused")), await of("used"), await of("expired")) == (2, [used], [])
    everything = (await stall.get("checkout", "/v1/users/u1/wallet"))["data"]
    locked = {card["coupon_id"]: card["held_until"] for card in everything}
    assert [coupon_id for coupon_id, until in locked.items() if until] == [held]
    await stall.till.undo("u1", "refund_before_shipping", redemption_id=paid.body["redemption_id"])
    assert used in await of("unused")
    stall.clock.forward(days=8)
    assert held in await of("unused"), "an order still holds it"
    assert len(await of("expired")) == 2, "before any sweep"
    centre = await stall.get("checkout", "/v1/users/u1/personal-centre")
    assert centre["counts"] == {"unused": 1, "used": 0, "expired": 2}


async def test_a_coupon_that_was_taken_back_counts_as_expired(small_stall: Stall) -> None:
    await small_stall.template()
    coupon_id = await small_stall.claim("u1")
    await small_stall.till.revoke(coupon_id)
    (card,) = (await small_stall.get("checkout", "/v1/users/u1/wallet?state=expired"))["data"]
    assert card["state"] == "expired"


@pytest.mark.requirement("F087")
async def test_the_zone_of_what_ends_soon_lists_coupons_of_three_days_or_less(stall: Stall) -> None:
    await stall.template("week")
    await stall.template("short", validity={"kind": "days", "days": 3})
    week, short = await stall.claim("u1", "week"), await stall.claim("u1", "short")
    await stall.claim("u2", "short")

    async def soon() -> list[str]:
        centre = await stall.get("checkout", "/v1/users/u1/personal-centre")
        assert all(card["expiring_soon"] for card in centre["expiring_soon"])
        return [card["coupon_id"] for card in centre["expiring_soon"]]

    assert await soon() == [short]
    stall.clock.forward(days=5)
    assert await soon() == [week]
    stall.clock.forward(days=5)
    assert await soon() == []


async def test_a_wallet_is_paged_both_ways(small_stall: Stall) -> None:
    await small_stall.template()
    ids = sorted([await small_stall.claim("u1") for _ in range(5)])

    async def page(query: str) -> tuple[list[str], bool]:
        found = await small_stall.get("checkout", f"/v1/users/u1/wallet?limit=2{query}")
        return [card["coupon_id"] for card in found["data"]], found["has_more"]

    assert await page("") == (ids[:2], True)
    assert await page(f"&starting_after={ids[3]}") == (ids[4:], False)
    assert await page(f"&ending_before={ids[4]}") == (ids[2:4], True)
    assert await page(f"&ending_before={ids[2]}") == (ids[:2], False)


async def test_a_stranger_is_answered_like_one_who_has_nothing(stall: Stall) -> None:
    await stall.template("open_to_all")
    await stall.template("for_gold", audience={"member_tiers": ["gold"]})
    stall.user("known")
    for path in ("wallet", "personal-centre"):
        known = await stall.get("checkout", f"/v1/users/known/{path}")
        stranger = await stall.get("checkout", f"/v1/users/nobody/{path}")
        assert known.keys() == stranger.keys()
    assert (await stall.get("checkout", "/v1/users/nobody/wallet")) == {"data": [], "has_more": False}
    refused = await stall.send("GET", "operator", "/v1/users/known/wallet")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.requirement("F050")
async def test_a_coupon_of_the_coupon_centre_is_not_on_the_product_page(stall: Stall) -> None:
    await stall.template("centre", card={"places": ["coupon_centre"]})
    await stall.template("page", **PAGE)
    centre = await stall.get("issuance", "/v1/coupon-centre")
    page = await stall.get("issuance", "/v1/products/sku1/offers?category=shoes")
    assert [offer["template_id"] for offer in centre["data"]] == ["centre"]
    assert [offer["template_id"] for offer in page["coupon"]] == ["page"]


@pytest.mark.requirement("F040")
async def test_a_limited_quantity_is_shown_with_what_is_left(stall: Stall) -> None:
    await stall.template("a_few", quantity=500)
    await stall.template("plenty", quantity=-1)
    await stall.claim("u1", "a_few")
    a_few, plenty = (await stall.get("issuance", "/v1/coupon-centre"))["data"]
    assert a_few["scarcity"] == {
        "quantity": 500,
        "remaining": 499,
        "en": "Limited to 500, 499 left",
        "zh": "限量500张，剩余499张",
    }
    assert plenty["scarcity"] is None


async def test_the_coupon_centre_says_what_a_claim_would_be_told(stall: Stall) -> None:
    """Every offer is claimed after it was shown: claimable means issued, otherwise the same refusal."""
    await stall.template("anyone")
    await stall.template("one_each", per_user=1)
    await stall.template("one_a_day", per_user_day=1)
    await stall.template("gone", quantity=1)
    await stall.template("gone_today", day_quota=1, quantity=5)
    await stall.template("mine_and_gone", per_user=1, quantity=1)
    drawn = {"kind": "random_amount", "low_cents": 100, "high_cents": 100}
    await stall.template("pool", deduction=drawn, pool_cents=100)
    for name, caps in (("broke", {"budget_cents": 0}), ("full", {"budget_cents": 10_000, "liability_cents": 700})):
        made = await stall.post("operator", "/v1/campaigns", {"campaign_id": name, "name": name, **caps})
        assert made.status_code == 201
        await stall.template(name, campaign_id=name)
    await stall.template("gold", audience={"member_tiers": ["gold"]})
    await stall.template("newcomers", audience={"newcomer": True}, coupon_class="newcomer")
    await stall.template("closed", access="closed")
    await stall.template("pushed", delivery="push")
    stall.user("u1", orders=2)
    for name in ("one_each", "one_a_day", "mine_and_gone"):
        await stall.claim("u1", name)
    for name in ("gone", "gone_today", "pool"):
        await stall.claim("u2", name)
    shown = {
        offer["template_id"]: offer for offer in (await stall.get("issuance", "/v1/coupon-centre?user_id=u1"))["data"]
    }
    assert "closed" not in shown
    assert "pushed" not in shown
    assert len({str(offer["why_not"] and offer["why_not"]["code"]) for offer in shown.values()}) == 10
    for template_id, offer in shown.items():
        answer = await stall.post("issuance", "/v1/claims", {"user_id": "u1", "template_id": template_id})
        assert offer["claimable"] == (answer.status_code == 201), template_id
        if offer["why_not"] is not None:
            assert offer["why_not"]["code"] == answer.json()["code"]
            assert offer["why_not"].get("distance") == answer.json().get("distance")


@pytest.mark.requirement("F097")
async def test_the_product_page_shows_flash_sale_quantity_promotion_gift_and_coupon_together(stall: Stall) -> None:
    special = {"kind": "special_price", "prices": [{"sku": "cream", "price_cents": 7_900}], "cap_cents": 5_000}
    gift = {"kind": "gift", "gifts": [{"sku": "sample", "quantity": 1}], "cost_cents": 100, "minimum_pieces": 1}
    await stall.template("flash", deduction=special, delivery="automatic", **PAGE)
    await stall.template("two_for", deduction={"kind": "quantity_cut", "pieces": 2, "face_cents": 500}, **PAGE)
    await stall.template("sample", deduction=gift, **PAGE)
    await stall.template("skin", **CUT, scope="category:beauty/skin", **PAGE)
    await stall.template("shoes_only", **CUT, scope="category:shoes", **PAGE)
    page = await stall.get("issuance", "/v1/products/cream/offers?category=beauty/skin/cream&user_id=u1")
    found = {name: [offer["template_id"] for offer in offers] for name, offers in page.items() if name != "sku"}
    assert found == {"flash_sale": ["flash"], "quantity": ["two_for"], "gift": ["sample"], "coupon": ["skin"]}
    assert page["flash_sale"][0]["condition"]["zh"] == "特价79元"
    assert page["flash_sale"][0]["claimable"]


@pytest.mark.requirement("F097")
async def test_every_place_has_a_read_of_its_own(small_stall: Stall) -> None:
    places = ["personal_centre", "coupon_centre", "product_page", "order_confirmation", "venue_page", "activity"]
    for place in places:
        await small_stall.template(place, card={"places": [place]})
    centre = await small_stall.get("checkout", "/v1/users/u1/personal-centre")
    coupons = await small_stall.get("issuance", "/v1/coupon-centre")
    page = await small_stall.get("issuance", "/v1/products/s/offers?category=shoes")
    order = await small_stall.post("checkout", "/v1/order-confirmation", {"user_id": "u1", "cart": cart(9_000)})
    others = [(await small_stall.get("issuance", f"/v1/places/{place}/offers"))["data"] for place in places[4:]]
    found = [centre["offers"], coupons["data"], page["coupon"], order.json()["offers"], *others]
    assert [[offer["template_id"] for offer in offers] for offers in found] == [[place] for place in places]


@pytest.mark.requirement("F099")
async def test_order_confirmation_splits_usable_from_unusable_with_the_reason(stall: Stall) -> None:
    await stall.template("flat")
    await stall.template("cut", **CUT)
    flat, cut = await stall.claim("u1", "flat"), await stall.claim("u1", "cut")
    answer = await stall.post("checkout", "/v1/order-confirmation", {"user_id": "u1", "cart": cart(19_000)})
    shown = answer.json()
    assert [use["coupon_id"] for use in shown["usable"]] == [flat]
    (unusable,) = shown["unusable"]
    assert (unusable["coupon_id"], unusable["code"]) == (cut, "amount_short")
    assert unusable["distance"] == {"amount": 1_000, "unit": "cents"}


@pytest.mark.requirement("F102")
async def test_the_best_usable_coupon_is_selected_for_a_user_who_chose_none(stall: Stall) -> None:
    await stall.template("flat")
    await stall.template("cut", **CUT, delivery="push")
    await stall.claim("u1", "flat")
    pushed = await stall.post("issuance", "/v1/pushes", {"user_id": "u1", "template_id": "cut"})
    assert pushed.status_code == 201, pushed.text
    answer = await stall.post("checkout", "/v1/order-confirmation", {"user_id": "u1", "cart": cart(20_000)})
    shown = answer.json()
    assert pushed.json()["coupon_id"] in shown["selected"]
    assert shown["selected"] == shown["best"]["coupon_ids"]
    held = await stall.till.hold("u1", shown["selected"], "o1", basket(20_000))
    assert (held.status, held.body["payable_cents"]) == (201, shown["payable_cents"]), "what was shown is what it costs"
    nothing = await stall.post("checkout", "/v1/order-confirmation", {"user_id": "nobody", "cart": cart(20_000)})
    assert (nothing.json()["selected"], nothing.json()["payable_cents"]) == ([], 20_000)


async def test_what_is_sent_wrongly_is_named(small_stall: Stall) -> None:
    for path in (
        "/v1/users/u1/wallet?state=revoked",
        "/v1/users/u1/wallet?starting_after=a&ending_before=b",
        "/v1/products/s/offers",
        "/v1/products/s/offers?category=a%7Cb",
        "/v1/products/s/offers?category=shoes&price_cents=-1",
        "/v1/coupon-centre?limit=0",
    ):
        answer = await small_stall.send("GET", "issuance", path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), path


async def test_answers_have_the_shapes_of_the_document(small_stall: Stall) -> None:
    await small_stall.template("limited", quantity=9, card={"places": ["coupon_centre", "product_page"]})
    await small_stall.template("gold", audience={"member_tiers": ["gold"]}, **EVERYWHERE)
    await small_stall.template("flat", **EVERYWHERE)
    await small_stall.template("cut", **CUT)
    await small_stall.claim("u1", "flat")
    await small_stall.claim("u1", "cut")
    confirmed = await small_stall.post("checkout", "/v1/order-confirmation", {"user_id": "u1", "cart": cart(9_000)})
    shown.OrderConfirmation.model_validate(confirmed.json(), extra="forbid")
    for shape, role, path in (
        (shown.Wallet, "checkout", "/v1/users/u1/wallet"),
        (shown.PersonalCentre, "checkout", "/v1/users/u1/personal-centre"),
        (shown.CouponCentre, "issuance", "/v1/coupon-centre?user_id=u1"),
        (shown.ProductOffers, "issuance", "/v1/products/s/offers?category=shoes&user_id=u1"),
        (templates.Templates, "operator", "/v1/templates"),
        (templates.ShelvedTemplate, "operator", "/v1/templates/cut"),
        (templates.TemplateVersions, "operator", "/v1/templates/cut/versions"),
    ):
        answer = await small_stall.get(role, path)
        shape.model_validate(answer, extra="forbid")
        assert answer.get("data", True), path


async def test_examples_of_the_document_have_the_shapes_that_it_promises(small_stall: Stall) -> None:
    shapes = {
        "/v1/users/{user_id}/wallet": shown.Wallet,
        "/v1/users/{user_id}/personal-centre": shown.PersonalCentre,
        "/v1/coupon-centre": shown.CouponCentre,
        "/v1/products/{sku}/offers": shown.ProductOffers,
    }
    paths = small_stall.app.openapi()["paths"]
    for path, shape in shapes.items():
        content = paths[path]["get"]["responses"]["200"]["content"]["application/json"]
        shape.model_validate(content["example"], extra="forbid")
        assert "$ref" in content["schema"], path
