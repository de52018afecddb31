"""The rule lab without a browser: forms, roles, two people, what is shown of a backtest and of a shadow."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from fakes.console import hidden_of, sign_in
from fakes.rules import Lab, rule, summary_of
from fakes.shop import START

from serving.console.texts import TEXTS
from serving.review.rule_work import beat, changes_of, find_change, start
from serving.review.rules import live_rule
from serving.store.verify import verify_ledger

XSS = '<img src=x onerror="alert(1)">'


@pytest.fixture
def lab(small_shop: Any) -> Lab:
    return Lab(small_shop.store)


class Started:
    """Remembers what it was asked to start."""

    def __init__(self) -> None:
        self.flows: list[str] = []

    def start(self, flow: str) -> bool:
        self.flows.append(flow)
        return True

    def running(self, flow: str) -> bool:
        return False


@pytest.fixture
def started(small_shop: Any) -> Started:
    small_shop.console.state.desk.starter = Started()
    return small_shop.console.state.desk.starter  # type: ignore[no-any-return]


def fields(**changed: Any) -> dict[str, str]:
    """What a browser sends of the form."""
    values = {
        "review": "0.25", "automatic": "0.7", "large_order_cents": "5000.00", "orders_in_a_row": "5",
        "orders_within_minutes": "10", "device_accounts": "3", "ip_claims_per_minute": "50", "capped_per_day": "1",
        "reason": "too many good users wait",
    }  # fmt: skip
    return {**values, **changed}


def the_change(shop: Any) -> Any:
    return shop.store.read(changes_of)[0]


def judged(shop: Any, lab: Lab, change_id: str, users: list[str]) -> None:
    """Finish the backtest of a change that is running, with figures and a list."""
    from serving.review.rule_work import tested

    change = shop.store.read(lambda connection: find_change(connection, change_id))
    summary = {**summary_of(change), "newly": len(users)}
    folder = shop.settings.home / "lab" / change_id
    folder.mkdir(parents=True)
    rows = [{"user_id": user, "before": "allow", "after": "hold", "p": 0.5, "stake_cents": 900, "way": "newly"}
            for user in users]  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "affected.parquet")
    assert lab.write(tested(change_id, "w1", summary)).status == 200


async def test_the_whole_way_from_draft_to_promotion_and_back(small_shop: Any, lab: Lab, started: Started) -> None:
    lena, omar = await sign_in(small_shop, "lena", "lead"), await sign_in(small_shop, "omar", "lead")
    made = await lena.send("/lab/new", "/lab/new", **fields(review="0.4", large_order_cents="1234.50"))
    assert made.status_code == 200
    change_id = the_change(small_shop).change_id
    assert str(made.url).startswith(f"http://console/lab/{change_id}")
    assert "0.25" in made.text and "0.4" in made.text and "1,234.50" in made.text
    at = f"/lab/{change_id}"
    page = await lena.send(at, f"{at}/run")
    assert started.flows == ["judge_rules"]
    assert TEXTS["lab.queued"][0] in page.text
    lab.write(start("w1"))
    lab.write(beat(change_id, "w1", "weighing evidence", 0.5))
    part = await lena.get(f"{at}/state")
    assert TEXTS["lab.step.weighing_evidence"][0] in part.text and 'value="0.50"' in part.text
    judged(small_shop, lab, change_id, ["u1", XSS])
    assert "data-busy" not in (await lena.get(f"{at}/state")).text
    page = await omar.get(at)
    assert "70.0%" in page.text and "60.0%" in page.text and TEXTS["lab.worse"][0] in page.text
    assert TEXTS["lab.own"][0] in (await lena.get(at)).text
    done = await omar.send(at, f"{at}/promote", reason="fewer honest people wait")
    assert TEXTS["lab.state.promoted"][0] in done.text
    live = small_shop.store.read(lambda connection: live_rule(connection, small_shop.settings))
    assert (live.review, live.large_order_cents) == (0.4, 123_450)
    back = await lena.send("/lab", "/lab/back", reason="the queue drowns")
    at = str(back.url.path)
    assert (await omar.send(at, f"{at}/promote", reason="yes, back")).status_code == 200
    live = small_shop.store.read(lambda connection: live_rule(connection, small_shop.settings))
    assert live.review == 0.25
    assert verify_ledger(small_shop.settings.ledger_url).exact


async def test_nobody_approves_their_own_even_by_hand(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    change_id = lab.tested(rule(review=0.4))
    hidden = hidden_of((await lena.get("/lab/new")).text, "/lab/new")
    answer = await lena.client.post(f"/lab/{change_id}/promote", data={**hidden, "reason": "mine is fine"})
    assert answer.status_code == 403
    assert small_shop.store.read(lambda c: find_change(c, change_id)).state == "tested"


@pytest.mark.parametrize(("role", "sees", "writes"), [
    ("lead", 200, 200), ("analyst", 200, 403), ("admin", 200, 403), ("reviewer", 403, 403), ("operator", 403, 403),
])  # fmt: skip
async def test_roles(small_shop: Any, lab: Lab, role: str, sees: int, writes: int) -> None:
    change_id = lab.drafted()
    browser = await sign_in(small_shop, "kim", role)
    for path in ("/lab", f"/lab/{change_id}", f"/lab/{change_id}/state"):
        assert (await browser.get(path)).status_code == sees
    assert (await browser.get("/lab/new")).status_code == writes
    lena = await sign_in(small_shop, "lena", "lead")
    hidden = hidden_of((await lena.get("/lab/new")).text, "/lab/new")
    for action in ("new", "back", *(f"{change_id}/{verb}" for verb in
                                    ("revise", "run", "shadow", "promote", "reject", "withdraw"))):  # fmt: skip
        # The token of another session is never enough either.
        assert (await browser.client.post(f"/lab/{action}", data={**hidden, **fields()})).status_code == 403
    assert small_shop.store.read(lambda c: find_change(c, change_id)).state == "draft"


async def test_forms_need_their_token_and_origin(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    hidden = hidden_of((await lena.get("/lab/new")).text, "/lab/new")
    for data in (fields(), {**fields(), **hidden, "csrf": "guess"}):
        assert (await lena.client.post("/lab/new", data=data)).status_code == 403
    foreign = {"origin": "http://evil"}
    assert (await lena.client.post("/lab/new", data={**hidden, **fields()}, headers=foreign)).status_code == 403
    assert small_shop.store.read(changes_of) == []
    sent = {**hidden, **fields(review="0.5")}
    first, second = [await lena.client.post("/lab/new", data=sent) for _ in range(2)]
    assert first.url == second.url
    assert len(small_shop.store.read(changes_of)) == 1


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"review": "0"}, "review"),
        ({"review": "many"}, "review"),
        ({"review": "0.9"}, "automatic"),
        ({"large_order_cents": "12.345"}, "large_order_cents"),
        ({"orders_in_a_row": "-1"}, "orders_in_a_row"),
        ({"device_accounts": "1"}, "device_accounts"),
        ({"reason": ""}, "reason"),
        ({"hub_kind_0": "ip", "hub_value_0": "1.2.3.4/8", "hub_name_0": "x", "hub_until_0": "2026-06-01"},
         "hub_value_0"),
        ({"hub_kind_1": "device", "hub_value_1": "d", "hub_name_1": "", "hub_until_1": "2026-06-01"}, "hub_name_1"),
        ({"hub_kind_2": "device", "hub_value_2": "d", "hub_name_2": "x", "hub_until_2": "2020-06-01"}, "hub_until_2"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_told_where_it_stands(small_shop: Any, values: dict[str, str], wrong: str) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    answer = await lena.send("/lab/new", "/lab/new", **fields(**{"orders_within_minutes": "11", **values}))
    assert answer.status_code == 422
    assert f'id="wrong-{wrong}"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    assert 'value="11"' in answer.text
    assert small_shop.store.read(changes_of) == []


async def test_a_change_without_a_difference_is_refused(small_shop: Any) -> None:
    lena = await sign_in(small_shop, "lena", "lead", "zh")
    answer = await lena.send("/lab/new", "/lab/new", **fields())
    assert answer.status_code == 409
    assert "与现行规则相同" in answer.text


async def test_hubs_come_by_form_and_go_by_box_and_no_raw_value_is_shown(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    until = (START + timedelta(days=60)).date().isoformat()
    hub = {"hub_kind_0": "device", "hub_value_0": "secret-kiosk", "hub_name_0": XSS, "hub_until_0": until}
    page = await lena.send("/lab/new", "/lab/new", **fields(**hub))
    assert page.status_code == 200
    assert "secret-kiosk" not in page.text and XSS not in page.text
    change = the_change(small_shop)
    entry = change.after.hubs[0]
    assert entry.value == small_shop.console.state.desk.hasher("device", "secret-kiosk")
    assert entry.value[:6] in page.text and entry.value not in page.text
    at = f"/lab/{change.change_id}/revise"
    page = await lena.send(at, at, **fields(review="0.3", hub_gone=f"device:{entry.value}"))
    after = the_change(small_shop).after
    assert (after.hubs, after.review) == ((), 0.3)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_what_people_and_users_wrote_never_runs(
    small_shop: Any, lab: Lab, started: Started, language: str
) -> None:
    lena = await sign_in(small_shop, "lena", "lead", language)
    await lena.send("/lab/new", "/lab/new", **fields(review="0.4", reason=XSS))
    change_id = the_change(small_shop).change_id
    at = f"/lab/{change_id}"
    await lena.send(at, f"{at}/run")
    lab.write(start("w1"))
    judged(small_shop, lab, change_id, [XSS, "=cmd()", "u3"])
    for path in ("/lab", at, f"{at}/revise", f"{at}?way=newly"):
        html = (await lena.get(path)).text
        assert "<img" not in html
        assert not re.search(r"<[^>]*\son\w+=", html)
    csv = await lena.get(f"{at}/affected.csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "'=cmd()" in csv.text and "\n=cmd()" not in csv.text


async def test_the_list_is_paged_and_filtered(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    change_id = lab.drafted(rule(review=0.4))
    from fakes.rules import SETTLED

    from serving.review.rule_work import queue

    lab.write(queue(change_id, "staff:lena", SETTLED))
    lab.write(start("w1"))
    judged(small_shop, lab, change_id, [f"user-{n:03d}" for n in range(120)])
    at = f"/lab/{change_id}"
    first, last = (await lena.get(at)).text, (await lena.get(at, way="newly", offset=100)).text
    assert "user-049" in first and "user-050" not in first
    assert "user-119" in last and "user-099" not in last
    assert TEXTS["lab.nobody"][0] in (await lena.get(at, way="released")).text
    assert (await lena.get(at, way="x")).status_code == 422
    assert (await lena.get(at, offset="-1")).status_code == 422
    assert len((await lena.get(f"{at}/affected.csv")).text.splitlines()) == 121


async def test_unknown_changes_and_lists_that_are_elsewhere(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    for path in ("/lab/rule_none", "/lab/rule_none/state", "/lab/rule_none/affected.csv", "/lab/..%2F..%2Fetc"):
        assert (await lena.get(path)).status_code == 404
    change_id = lab.tested(rule(review=0.4))
    assert (await lena.get(f"/lab/{change_id}/affected.csv")).status_code == 404


async def test_a_shadow_is_shown_with_its_hits_and_a_stale_change_says_so(small_shop: Any, lab: Lab) -> None:
    await small_shop.template()
    lena, omar = await sign_in(small_shop, "lena", "lead"), await sign_in(small_shop, "omar", "lead")
    from fakes.rules import SETTLED

    from serving.review.rule_work import promote, queue

    other = lab.tested(rule(review=0.5))
    change_id = lab.drafted(rule(device_accounts=2))
    lab.write(queue(change_id, "staff:lena", SETTLED))
    lab.write(start("w1"))
    judged(small_shop, lab, change_id, ["u1"])
    at = f"/lab/{change_id}"
    await lena.send(at, f"{at}/shadow")
    for n in range(2):
        await small_shop.claim(f"user-{n}", device_id="d1")
    page = (await lena.get(at)).text
    assert "user-1" in page and TEXTS["lab.effect.notice"][0] in page
    assert lab.write(promote(other, "staff:omar", "", SETTLED)).status == 200
    page = (await omar.get(at)).text
    assert TEXTS["lab.stale"][0] in page
    assert f'action="{at}/promote"' not in page
    hidden = hidden_of(page, f"{at}/reject")
    answer = await omar.client.post(f"{at}/promote", data={**hidden, "reason": "anyway"})
    assert answer.status_code == 409


async def test_without_a_starter_the_schedule_is_named(small_shop: Any, lab: Lab) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    at = f"/lab/{lab.drafted()}"
    page = await lena.send(at, f"{at}/run")
    assert TEXTS["lab.by_schedule"][0] in page.text


async def test_a_silent_run_can_be_started_again(small_shop: Any, lab: Lab, started: Started) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    at = f"/lab/{lab.drafted()}"
    await lena.send(at, f"{at}/run")
    lab.write(start("w1"))
    assert f'action="{at}/run"' not in (await lena.get(at)).text
    small_shop.clock.forward(minutes=6)
    page = await lena.send(at, f"{at}/run")
    assert page.status_code == 200
    assert started.flows == ["judge_rules", "judge_rules"]
    assert lab.write(start("w2")).body["change_id"] == at.removeprefix("/lab/")


async def test_nothing_is_shown_to_who_is_not_signed_in(small_shop: Any) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(small_shop.console), base_url="http://console"
    ) as client:
        for path in ("/lab", "/lab/new", "/thresholds"):
            assert (await client.get(path)).status_code == 303
