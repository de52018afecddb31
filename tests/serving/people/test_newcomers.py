"""A newcomer is a person, not an account: the same phone, identity or device as an old account is refused."""

from __future__ import annotations

from typing import Any

import pytest

from serving.store.verify import verify_ledger

NEW = {"audience": {"newcomer": True}, "coupon_class": "newcomer"}


async def profile(shop: Any, user_id: str, **values: Any) -> None:
    body = {"user_id": user_id, "registered_at": "2026-04-30T04:00:00Z", **values}
    answer = await shop.post("issuance", "/v1/users", body)
    assert answer.status_code == 200, answer.text


def code(answer: Any) -> str:
    return "won" if answer.status_code == 201 else str(answer.json()["code"])


@pytest.mark.requirement("F011")
async def test_a_user_without_orders_is_a_newcomer_and_one_with_an_order_is_not(shop: Any) -> None:
    await shop.template("welcome", **NEW)
    await profile(shop, "fresh", orders=0)
    await profile(shop, "regular", orders=1)
    assert code(await shop.claim("fresh", "welcome")) == "won"
    assert code(await shop.claim("regular", "welcome")) == "newcomer_only"
    assert code(await shop.claim("stranger", "welcome")) == "profile_required"


@pytest.mark.requirement("F208")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"phone": "+86 138-0013-8000"}, {"phone": "13800138000"}),
        ({"identity": "11010119900307123x"}, {"identity": "11010119900307123X "}),
        ({"devices": ["d1"], "orders": 2}, {"devices": ["d1"]}),
    ],
)
async def test_the_same_phone_identity_or_device_as_an_old_account_is_refused(
    small_shop: Any, old: dict[str, Any], new: dict[str, Any]
) -> None:
    shop = small_shop
    await shop.template("welcome", **NEW)
    await profile(shop, "old", registered_at="2026-01-01T00:00:00Z", **old)
    await profile(shop, "again", **new)
    await profile(shop, "other", phone="13900139000", devices=["d2"])
    assert code(await shop.claim("again", "welcome")) == "newcomer_linked"
    assert code(await shop.claim("other", "welcome")) == "won"


@pytest.mark.requirement("F208")
async def test_a_second_account_on_the_device_of_a_first_claim_is_refused(shop: Any) -> None:
    await shop.template("welcome", **NEW)
    for user in ("first", "second"):
        await profile(shop, user)
    assert code(await shop.claim("first", "welcome", device_id="phone-1")) == "won"
    assert code(await shop.claim("second", "welcome", device_id="phone-1")) == "newcomer_linked"
    assert code(await shop.claim("second", "welcome", device_id="phone-2")) == "won"


async def test_neighbours_at_one_address_are_looked_at_and_not_refused(small_shop: Any) -> None:
    shop = small_shop
    await shop.template("welcome", **NEW)
    for user in ("neighbour", "dweller"):
        await profile(shop, user)
    street = "北京市海淀区中关村大街1号3号楼201室"
    assert code(await shop.claim("neighbour", "welcome", address=street)) == "won"
    assert code(await shop.claim("dweller", "welcome", address=street)) == "won"


async def test_a_later_profile_replaces_facts_keeps_links_and_can_be_rebuilt(shop: Any) -> None:
    await profile(shop, "u", tags=["vip"], phone="13800138000")
    await profile(shop, "u", tags=["vip", "beauty"], orders=3)
    await shop.template("welcome", **NEW)
    await profile(shop, "v", phone="138 0013 8000")
    assert code(await shop.claim("v", "welcome")) == "newcomer_linked"
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_no_raw_phone_identity_device_or_address_is_kept(small_shop: Any) -> None:
    raw = {"phone": "13800138000", "identity": "110101199003071234", "devices": ["device-77"]}
    await profile(small_shop, "u", **raw, addresses=["北京市海淀区中关村大街1号"])
    stored = (small_shop.settings.home / "ledger.db").read_bytes() + b"".join(
        path.read_bytes() for path in small_shop.settings.home.glob("ledger.db-wal")
    )
    for secret in ("13800138000", "110101199003071234", "device-77", "中关村"):
        assert secret.encode() not in stored


async def test_the_longest_ids_fit_everywhere(shop: Any) -> None:
    user, template, campaign = "u" * 120, "t" * 80, "c" * 80
    await shop.campaign(campaign_id=campaign, name="long")
    await shop.template(template, campaign_id=campaign, name="long")
    await profile(shop, user)
    assert code(await shop.claim(user, template)) == "won"
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.requirement("F066")
async def test_one_identity_is_one_account(shop: Any) -> None:
    """That of the account of which it was said first, whichever registered or claimed before."""
    await shop.template("real", audience={"identity_verified": True})
    said = {"identity": "11010119900307123x", "identity_verified": True}
    for user in ("second", "first", "third"):  # an id that sorts before is no older for that
        await profile(shop, user, **said)
        shop.clock.forward(seconds=1)
    await profile(shop, "other", identity="11010119900307124X", identity_verified=True)
    found = [code(await shop.claim(user, "real")) for user in ("first", "second", "third", "other")]
    assert found == ["identity_taken", "won", "identity_taken", "won"]


@pytest.mark.parametrize(
    "wrong",
    [{"birthday": 0}, {"birthday": "1990-05-01T00:00:00"}, {"registered_at": 5}, {"registered_at": "2026-05-01T04:00"}],
)
async def test_days_and_moments_are_said_in_full(small_shop: Any, wrong: dict[str, Any]) -> None:
    answer = await small_shop.post("issuance", "/v1/users", {"user_id": "u", **wrong})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(wrong)))
