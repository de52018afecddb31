"""What a list does to claims and orders: at once, to the microsecond, in every process; and nothing while empty."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.lists import ADDRESS, DEVICE, ELSEWHERE, IP, NEIGHBOUR, PHONE, Lists
from fakes.shop import Scoring, Shop, cart

from serving import risk
from serving.review.case import Flag
from serving.review.flags import standing_of, standings_of
from serving.review.push import put_flags
from serving.store.verify import verify_ledger

LISTER = Path(__file__).parent / "processes" / "lister.py"


def code(answer: Any) -> str:
    return "won" if answer.status_code == 201 else str(answer.json()["code"])


async def hold(shop: Any, user_id: str, coupon_id: str, order_id: str = "o1", **where: Any) -> Any:
    body = {"user_id": user_id, "coupon_ids": [coupon_id], "order_id": order_id, "cart": cart(5000), **where}
    return await shop.post("checkout", "/v1/holds", body)


async def pay(shop: Any, user_id: str, hold_id: str, **where: Any) -> Any:
    return await shop.post("checkout", "/v1/redemptions", {"user_id": user_id, "hold_id": hold_id, **where})


@pytest.mark.requirement("F187")
async def test_a_blocked_account_can_neither_claim_nor_use_and_is_told_no_reasons(shop: Any, lists: Lists) -> None:
    await shop.template()
    coupon = await shop.coupon("u1")
    entry = lists.add("block", "user", "u1")
    refused = await shop.claim("u1")
    assert refused.status_code == 403
    assert code(refused) == "listed"
    assert "ring" not in refused.text
    assert set(refused.json()) <= {
        "type", "title", "status", "code", "detail", "detail_zh", "instance", "request_id",
    }  # fmt: skip
    assert code(await hold(shop, "u1", coupon)) == "listed"
    assert code(await shop.claim("u2")) == "won"
    assert lists.remove(entry).status == 200
    assert code(await shop.claim("u1")) == "won"
    assert code(await hold(shop, "u1", coupon)) == "won"
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.parametrize(
    ("kind", "raw", "come", "other"),
    [
        ("device", DEVICE, {"device_id": DEVICE}, {"device_id": f"{DEVICE}2"}),
        ("ip", IP, {"ip": IP}, {"ip": NEIGHBOUR}),
        ("ip", "93.184.216.0/24", {"ip": NEIGHBOUR}, {"ip": ELSEWHERE}),
        ("ip", "93.184.0.0/16", {"ip": NEIGHBOUR}, {"ip": ELSEWHERE}),
        ("ip", "93.184.216.6/31", {"ip": IP}, {"ip": "93.184.216.8"}),
        ("ip", "::ffff:93.184.216.0/120", {"ip": IP}, {"ip": ELSEWHERE}),
        ("ip", "2a00:1450:4001::/48", {"ip": "2a00:1450:4001:7::9"}, {"ip": "2a00:1450:4002::9"}),
        ("ip", "2a00:1450:4001:700::/56", {"ip": "2a00:1450:4001:7ff::9"}, {"ip": "2a00:1450:4001:800::9"}),
        ("ip", "2a00:1450:4001:7::9", {"ip": "2a00:1450:4001:7::a"}, {"ip": "2a00:1450:4001:8::9"}),
        ("ip", "2a00:1450:4001:7::/64", {"ip": "2a00:1450:4001:7::a"}, {"ip": "2a00:1450:4001:8::9"}),
        ("address", ADDRESS, {"address": ADDRESS}, {"address": "2 Long Street, flat 2"}),
    ],
)
async def test_a_blocked_thing_stops_who_comes_with_it_and_nobody_else(
    small_shop: Any, small_lists: Lists, kind: str, raw: str, come: dict[str, str], other: dict[str, str]
) -> None:
    await small_shop.template()
    small_lists.add("block", kind, raw)
    assert code(await small_shop.claim("u1", **come)) == "listed"
    assert code(await small_shop.claim("u1", **other)) == "won"
    won = await small_shop.claim("u1")
    assert code(won) == "won"
    assert code(await hold(small_shop, "u1", won.json()["coupon_id"], **come)) == "listed"


async def test_a_blocked_phone_stops_the_accounts_that_the_shop_says_have_it(shop: Any, lists: Lists) -> None:
    await shop.template()
    for user_id, phone in (("u1", f"+86 {PHONE[:3]} {PHONE[3:]}"), ("u2", "13900139000")):
        answer = await shop.post("issuance", "/v1/users", {"user_id": user_id, "phone": phone})
        assert answer.status_code == 200
    lists.add("block", "phone", PHONE)
    assert [code(await shop.claim(user_id)) for user_id in ("u1", "u2", "u3")] == ["listed", "won", "won"]


async def test_a_paid_order_is_stopped_too_because_a_person_has_decided(shop: Any, lists: Lists) -> None:
    await shop.template()
    held = await hold(shop, "u1", await shop.coupon("u1"), device_id=DEVICE)
    entry = lists.add("block", "device", DEVICE)
    hold_id = held.json()["hold_id"]
    assert code(await pay(shop, "u1", hold_id, device_id=DEVICE)) == "listed"
    lists.remove(entry)
    assert code(await pay(shop, "u1", hold_id, device_id=DEVICE)) == "won"


async def test_an_entry_ends_at_its_very_moment(shop: Any, lists: Lists) -> None:
    await shop.template()
    entry = lists.add("block", "user", "u1", days=1)
    shop.clock.forward(days=1, milliseconds=-1)
    assert code(await shop.claim("u1")) == "listed"
    shop.clock.forward(milliseconds=1)
    assert code(await shop.claim("u1")) == "won"
    assert lists.prolong(entry, days=2).status == 200
    assert code(await shop.claim("u1")) == "listed"
    shop.clock.forward(days=2, milliseconds=-1)
    assert code(await shop.claim("u1")) == "listed"
    shop.clock.forward(milliseconds=1)
    assert code(await shop.claim("u1")) == "won"
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.parametrize("action", ["cap", "hold", "step_up", "withhold"])
async def test_no_machine_withholds_from_who_is_allowed(shop: Any, lists: Lists, scoring: Scoring, action: str) -> None:
    await shop.template()
    scoring.action = action
    await shop.claim("u1")
    assert code(await shop.claim("u1")) != "won"
    lists.add("allow", "user", "u1")
    first = await shop.claim("u1")
    assert [code(first), code(await shop.claim("u1"))] == ["won", "won"]
    assert code(await hold(shop, "u1", first.json()["coupon_id"])) == "won"
    assert code(await shop.claim("u2")) in ("won", "under_review", "step_up_required")


async def test_an_open_case_does_not_withhold_from_who_is_allowed_but_a_verdict_does(shop: Any, lists: Lists) -> None:
    await shop.template()
    put_flags(shop.store, [Flag("u1", 0.9, "withhold")])
    assert code(await shop.claim("u1")) == "under_review"
    lists.add("allow", "user", "u1")
    assert code(await shop.claim("u1")) == "won"
    body = {"action": "freeze", "reason": "stolen_card"}
    assert (await shop.post("reviewer", "/v1/users/u1/actions", body)).status_code == 201
    assert code(await shop.claim("u1")) == "account_frozen"


async def test_bursts_are_refused_to_who_is_allowed_too(tmp_path: Any, ledger_url: str, clock: Any) -> None:
    shop = Shop(tmp_path, ledger_url, clock, Scoring())
    await shop.campaign()
    await shop.template()
    Lists(shop).add("allow", "user", "u1")
    limit = shop.settings.checks.orders_in_a_row
    for number in range(limit):
        assert code(await hold(shop, "u1", await shop.coupon("u1"), f"o{number}")) == "won"
    assert code(await hold(shop, "u1", await shop.coupon("u1"), "one-too-many")) == "orders_too_fast"
    await shop.close()


async def test_block_beats_allow_for_the_account_and_allow_of_the_account_beats_a_blocked_thing(
    shop: Any, lists: Lists
) -> None:
    await shop.template()
    lists.add("block", "device", DEVICE)
    lists.add("allow", "user", "u1")
    assert code(await shop.claim("u1", device_id=DEVICE)) == "won"
    assert code(await shop.claim("u2", device_id=DEVICE)) == "listed"
    lists.add("block", "user", "u1")
    assert code(await shop.claim("u1", device_id=DEVICE)) == "listed"
    assert code(await shop.claim("u1")) == "listed"


async def test_of_two_networks_the_narrower_decides_and_of_equals_block(shop: Any, lists: Lists) -> None:
    await shop.template()
    lists.add("block", "ip", "93.184.0.0/16")
    lists.add("allow", "ip", "93.184.216.0/24")
    assert code(await shop.claim("u1", ip=IP)) == "won"
    assert code(await shop.claim("u1", ip="93.184.1.1")) == "listed"
    lists.add("block", "ip", IP)
    assert code(await shop.claim("u1", ip=IP)) == "listed"
    assert code(await shop.claim("u1", ip=NEIGHBOUR)) == "won"
    lists.add("allow", "ip", IP)
    assert code(await shop.claim("u1", ip=IP)) == "listed"


async def test_company_on_an_allowed_thing_is_no_evidence(shop: Any, lists: Lists, scoring: Scoring) -> None:
    """Scoring is down, so built-in rules answer: twenty new accounts on one device and address are puppets to them."""
    await shop.template("welcome", per_user=1)
    scoring.failing = lambda _: httpx.Response(503)
    where = {"device_id": DEVICE, "ip": IP, "address": ADDRESS}

    async def crowd(name: str) -> list[str]:
        return [code(await shop.claim(f"{name}{n}", "welcome", **where)) for n in range(20)]

    assert "under_review" in await crowd("a")
    for kind, raw in (("device", DEVICE), ("ip", IP), ("address", ADDRESS)):
        lists.add("allow", kind, raw)
    assert set(await crowd("b")) == {"won"}


async def test_scoring_and_triggers_hear_of_listed_accounts(shop: Any, lists: Lists) -> None:
    put_flags(shop.store, [Flag("u1", 0.9, "withhold"), Flag("u4", 0.9, "hold")])
    lists.add("allow", "user", "u1")
    lists.add("block", "user", "u2", days=1)
    asked = ["u1", "u2", "u3", "u4"]

    def said() -> dict[str, str]:
        return dict(shop.store.read(lambda connection: standings_of(connection, asked, shop.clock())))

    assert said() == {"u1": "allow", "u2": "block", "u4": "hold"}
    assert shop.store.read(lambda connection: standing_of(connection, "u1")) == "withhold"
    shop.clock.forward(days=1)
    assert said() == {"u1": "allow", "u4": "hold"}


async def test_while_no_entry_holds_a_claim_asks_nothing_more(
    small_shop: Any, small_lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    await small_shop.template()
    asked: list[str] = []
    original = risk.listing_of

    def listened(connection: Any, user_id: str, *more: Any) -> Any:
        asked.append(user_id)
        return original(connection, user_id, *more)

    monkeypatch.setattr(risk, "listing_of", listened)
    for user_id in ("u1", "u2", "u3", "u4"):
        assert code(await small_shop.claim(user_id, ip=IP)) == "won"
        if user_id == "u1":
            entry = small_lists.add("block", "user", "u9", days=1)
        elif user_id == "u2":
            small_shop.clock.forward(days=1)
        else:
            small_lists.prolong(entry, days=1)
    assert asked == ["u2", "u2", "u4", "u4"]


async def test_an_entry_of_another_process_counts_at_the_next_claim(shop: Any) -> None:
    await shop.template()

    def other(what: str, which: str) -> str:
        key, now = shop.settings.risk.key, shop.clock().isoformat()
        words = [sys.executable, str(LISTER), shop.settings.ledger_url, key, now, what, which]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    assert code(await shop.claim("u1", device_id=DEVICE)) == "won"
    entry = other("add", DEVICE)
    assert code(await shop.claim("u2", device_id=DEVICE)) == "listed"
    other("remove", entry)
    assert code(await shop.claim("u3", device_id=DEVICE)) == "won"
    assert verify_ledger(shop.settings.ledger_url).exact
