"""The promoted rule acts at the gate, named hubs link nobody, and a rule in shadow changes no answer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.cases import open_cases
from fakes.rules import Lab, rule
from fakes.shop import START, Clock, Scoring, Shop, cart

from features.errors import InputError
from serving.privacy import Hasher
from serving.review.rule_hubs import HubEntry, Listed, checked_entry
from serving.review.rule_shadow import hits_by_day, users_hit
from serving.store.verify import verify_ledger

TODAY = START.date()


def hub(kind: str, value: str, days: int = 30) -> dict[str, str]:
    until = TODAY + timedelta(days=days)
    return {"kind": kind, "value": value, "name": "a kiosk", "until": until.isoformat()}


async def reasons(shop: Any) -> list[str]:
    cases = await shop.store.fetch(open_cases)
    return sorted(reason.code for case in cases for flag in case.flags for reason in flag.reasons)


async def hold(shop: Any, user_id: str, order_id: str, price: int) -> Any:
    body = {"user_id": user_id, "coupon_ids": [await shop.coupon(user_id)], "order_id": order_id, "cart": cart(price)}
    return await shop.post("checkout", "/v1/holds", body)


async def test_promoted_limits_act_at_once(shop: Any, lab: Lab) -> None:
    await shop.template()
    lab.promoted(rule(ip_claims_per_minute=2, device_accounts=2, large_order_cents=1000, orders_in_a_row=1))
    for n in range(2):
        assert (await shop.claim(f"u{n}", ip="36.1.2.3")).status_code == 201
    refused = await shop.claim("u9", ip="36.1.2.3")
    assert (refused.status_code, refused.json()["code"]) == (429, "claims_too_fast")
    for n in range(2):
        assert (await shop.claim(f"v{n}", device_id="d1")).status_code == 201
    assert "device_accounts" in await reasons(shop)
    shop.clock.forward(minutes=2)
    assert (await hold(shop, "w1", "o1", 1000)).status_code == 201
    assert "large_order" in await reasons(shop)
    assert (await hold(shop, "w1", "o2", 500)).json()["code"] == "orders_too_fast"
    report = verify_ledger(shop.settings.ledger_url)
    assert report.exact, report.differences


async def test_the_promoted_cap_acts(small_shop: Any, small_lab: Lab) -> None:
    await small_shop.template()
    small_shop.scoring.action = "cap"
    small_lab.promoted(rule(capped_per_day=2))
    codes = [(await small_shop.claim("u1")).status_code for _ in range(3)]
    assert codes == [201, 201, 409]


async def test_a_named_hub_links_nobody_until_its_last_day(small_shop: Any, small_lab: Lab) -> None:
    await small_shop.template()
    hashed = Hasher(small_shop.settings.risk.key)("device", "kiosk-7")
    small_lab.promoted(rule(hubs=[hub("device", str(hashed), 3), hub("ip", "36.9.0.0/16", 3)]))
    for n in range(6):
        await small_shop.claim(f"u{n}", device_id="kiosk-7", ip=f"36.9.1.{n}")
    assert await reasons(small_shop) == []
    asked = small_shop.scoring.asked[-1]
    assert (asked["device_id"], asked["ip"]) == (None, None)
    await small_shop.claim("v", device_id="another", ip="36.10.0.1")
    assert small_shop.scoring.asked[-1]["device_id"] == "another"
    small_shop.clock.forward(days=4)
    await small_shop.claim("u7", device_id="kiosk-7", ip="36.9.1.9")
    assert small_shop.scoring.asked[-1]["device_id"] == "kiosk-7"
    assert await reasons(small_shop) == ["device_accounts"]


async def test_a_burst_behind_a_hub_is_still_one(small_shop: Any, small_lab: Lab) -> None:
    await small_shop.template()
    small_lab.promoted(rule(hubs=[hub("ip", "36.9.0.0/16")], ip_claims_per_minute=3))
    codes = [(await small_shop.claim(f"u{n}", ip="36.9.1.1")).status_code for n in range(4)]
    assert codes == [201, 201, 201, 429]


async def a_day(shop: Any) -> list[tuple[int, bytes]]:
    """Answers of a day with everything in it: crowds on a device and a network, large and many orders, a cap."""
    found = []
    for n in range(6):
        found.append(await shop.claim(f"u{n}", device_id="d1", ip="36.1.2.3"))
    for n, price in enumerate((5000, 60_000, 7000, 8000)):
        found.append(await hold(shop, "u1", f"o{n}", price))
    shop.scoring.action = "cap"
    for _ in range(2):
        found.append(await shop.claim("u9", device_id="d2"))
    return [(answer.status_code, answer.content) for answer in found]


SHADOW = {"device_accounts": 2, "ip_claims_per_minute": 3, "large_order_cents": 1000, "orders_in_a_row": 2}


async def test_a_shadow_changes_no_byte_of_any_answer(
    tmp_path: Path, ledger_url: str, sqlite_url: str, clock: Clock
) -> None:
    answers = []
    for url, shadowed in ((f"{sqlite_url}-plain", False), (ledger_url, True)):
        clock.now = START
        shop = Shop(tmp_path / str(shadowed), url, clock, Scoring())
        (tmp_path / str(shadowed)).mkdir(exist_ok=True)
        await shop.campaign()
        await shop.template()
        change_id = Lab(shop.store).shadowed(rule(**SHADOW)) if shadowed else ""
        answers.append([(code, _without_ids(body)) for code, body in await a_day(shop)])
        if shadowed:
            hits = shop.store.read(lambda connection, of=change_id: hits_by_day(connection, of))
            assert {(row.limit_name, row.effect) for row in hits} == {
                ("device_accounts", "notice"), ("ip_burst", "stop"), ("large_order", "notice"),
                ("orders_burst", "stop"),
            }  # fmt: skip
            users = shop.store.read(lambda connection, of=change_id: users_hit(connection, of, 50))
            stopped = {row.user_id for row in users if row.limit_name == "ip_burst"}
            assert stopped == {"u3", "u4", "u5"}
            report = verify_ledger(url)
            assert report.exact, report.differences
        await shop.close()
    assert answers[0] == answers[1]


def _without_ids(body: bytes) -> str:
    import re

    return re.sub(r"(cpn|hld|dec|req|hold|evt)_[0-9A-Za-z]+", r"\1_", body.decode())


async def test_a_milder_shadow_counts_whom_it_would_let_go(small_shop: Any, small_lab: Lab) -> None:
    await small_shop.template()
    change_id = small_lab.shadowed(rule(device_accounts=10))
    for n in range(4):
        await small_shop.claim(f"u{n}", device_id="d1")
    hits = small_shop.store.read(lambda connection: hits_by_day(connection, change_id))
    assert [(row.limit_name, row.effect, row.users) for row in hits] == [("device_accounts", "release", 2)]


async def test_one_user_counts_once_a_day(small_shop: Any, small_lab: Lab) -> None:
    await small_shop.template()
    change_id = small_lab.shadowed(rule(large_order_cents=1000))
    for n in range(3):
        assert (await hold(small_shop, "u1", f"o{n}", 5000)).status_code == 201
    small_shop.clock.forward(days=1)
    assert (await hold(small_shop, "u1", "o9", 5000)).status_code == 201
    hits = small_shop.store.read(lambda connection: hits_by_day(connection, change_id))
    assert [row.users for row in hits] == [1, 1]
    assert verify_ledger(small_shop.settings.ledger_url).exact


HASHER = Hasher("a key of sixteen characters")


@pytest.mark.parametrize(
    ("kind", "value", "raw", "other"),
    [
        ("ip", "36.1.0.0/16", "36.1.200.7", "36.2.0.1"),
        ("ip", "2001:4860:4860:1::/64", "2001:4860:4860:1::9", "2001:4860:4860:2::9"),
        ("device", str(HASHER("device", "d1")), "d1", "d2"),
        ("ip", str(HASHER("ip", "36.1.2.3")), "36.1.2.3", "36.1.2.4"),
        ("address", str(HASHER("address", "12 Main Street, Apt 5, Springfield 62704")),
         "12 Main St Apt 5 Springfield 62704", "13 Main Street, Apt 5, Springfield 62704"),
    ],
)  # fmt: skip
def test_a_hub_is_known_however_it_is_written(kind: str, value: str, raw: str, other: str) -> None:
    listed = Listed([HubEntry(kind, value, "x", TODAY)], HASHER, TODAY)
    assert listed(kind, raw)
    assert not listed(kind, other)
    assert not listed(kind, None)
    assert not Listed([HubEntry(kind, value, "x", TODAY)], HASHER, TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "phone"}, "hub_kind"),
        ({"value": "10.0.0.0/4"}, "hub_value"),
        ({"value": "36.1.2.3/16"}, "hub_value"),
        ({"value": "no address"}, "hub_value"),
        ({"value": ""}, "hub_value"),
        ({"name": " "}, "hub_name"),
        ({"until": "someday"}, "hub_until"),
        ({"until": "2020-01-01"}, "hub_until"),
        ({"until": "2030-01-01"}, "hub_until"),
    ],
)
async def test_a_hub_that_cannot_be_is_named(small_shop: Any, change: dict[str, str], field: str) -> None:
    given = {**hub("ip", "36.1.0.0/16"), **change}
    with pytest.raises(InputError) as error:
        small_shop.store.read(lambda connection: checked_entry(connection, HASHER, given, TODAY))
    assert error.value.field == field


async def test_a_mark_of_a_page_finds_the_thing_and_a_raw_value_is_not_kept(small_shop: Any) -> None:
    await small_shop.template()
    await small_shop.claim("u1", device_id="secret-device")
    hasher = Hasher(small_shop.settings.risk.key)
    hashed = str(hasher("device", "secret-device"))
    for value in (hashed, f"device {hashed[:6]}", hashed[:10], "secret-device"):
        entry = small_shop.store.read(
            lambda connection, given=value: checked_entry(connection, hasher, hub("device", given), TODAY)
        )
        assert entry.value == hashed
