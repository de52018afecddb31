"""The queue page: order, tabs, filters as links, saved views, taking cases in hand, and what blind cases hide."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from fakes.cases import case_of, decided, do, judgement, open_cases
from fakes.console import Browser, sign_in

from serving.review.case import Flag, Reason
from serving.review.push import put_flags
from serving.review.store import put
from serving.review.work import claim, judge
from serving.store.unit import Answer
from serving.store.verify import verify_ledger

WHY = (Reason("ring", "3 accounts on one <b>device</b>", "同一设备 3 个账号"),)


async def shown(browser: Browser, path: str = "/cases", **query: Any) -> list[str]:
    """The case links of the list, in order, as they are called."""
    answer = await browser.get(path, **query)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<a data-main href="[^"]+">([^<]+)</a>', answer.text)


@pytest.fixture
async def shop(small_shop: Any) -> Any:
    """Three cases: a lone account with much at risk, a ring with a high score, and one with nothing at risk."""
    await small_shop.template()
    for user in ("poor", "rich", "rich", "rich", "r1", "r2"):
        await small_shop.coupon(user)
    flags = [Flag("rich", 0.6, "allow"), Flag("zero", 0.99, "hold")]
    flags += [Flag(user, 0.9, "block", WHY, "R1") for user in ("r1", "r2")]
    put_flags(small_shop.store, flags)
    return small_shop


def id_of(shop: Any, user: str) -> str:
    return next(case.case_id for case in shop.store.read(open_cases) if user in case.users)


async def test_cases_stand_in_the_order_of_expected_loss_age_or_score(shop: Any) -> None:
    browser = await sign_in(shop)
    # 0.6 × 24.00 = 14.40, 0.9 × 16.00 = 14.40: equal loss goes by score
    assert await shown(browser) == ["Ring R1", "rich", "zero"]
    await shop.coupon("rich")
    assert await shown(browser) == ["rich", "Ring R1", "zero"], "a coupon of this moment counts"
    assert await shown(browser, sort="score") == ["zero", "Ring R1", "rich"]
    shop.clock.forward(hours=-1)
    put_flags(shop.store, [Flag("older", 0.1, "hold")])
    assert "overdue" not in (await browser.get("/cases")).text
    shop.clock.forward(hours=25, minutes=1)
    browser = await sign_in(shop)
    assert (await shown(browser, sort="age"))[0] == "older"
    assert "overdue" in (await browser.get("/cases")).text
    assert "<b>device" not in (await browser.get("/cases")).text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "r"}, ["Ring R1", "rich"]),
        ({"q": "R1"}, ["Ring R1"]),
        ({"q": "100%"}, []),
        ({"kind": "ring"}, ["Ring R1"]),
        ({"kind": "account"}, ["rich", "zero"]),
        ({"score": "90"}, ["Ring R1", "zero"]),
        ({"amount": "17"}, ["rich"]),
        ({"action": "hold"}, ["zero"]),
        ({"source": "elsewhere"}, []),
        ({"source": "flow", "action": "block"}, ["Ring R1"]),
    ],
)
async def test_filters_are_in_the_address(shop: Any, query: dict[str, str], found: list[str]) -> None:
    assert sorted(await shown(await sign_in(shop), **query)) == sorted(found)


@pytest.mark.parametrize("query", [{"tab": "all"}, {"sort": "x"}, {"score": "101"}, {"page": "-1"}, {"kind": "dog"}])
async def test_what_no_page_of_ours_asks_is_refused(shop: Any, query: dict[str, str]) -> None:
    assert (await (await sign_in(shop)).get("/cases", **query)).status_code == 422


async def test_an_empty_queue_says_so_on_every_tab(small_shop: Any) -> None:
    browser = await sign_in(small_shop)
    for tab in ("open", "mine", "snoozed", "proposed", "decided"):
        answer = await browser.get("/cases", tab=tab)
        assert 'class="empty"' in answer.text
    await browser.send("/cases", "/cases/next")
    assert verify_ledger(small_shop.settings.ledger_url).exact


async def test_the_tabs_follow_the_life_of_a_case(shop: Any) -> None:
    browser, store = await sign_in(shop), shop.store
    rich, ring = id_of(shop, "rich"), id_of(shop, "r1")
    do(store, "staff:rita", claim(rich, "staff:rita", 15))
    do(store, "staff:sam", claim(ring, "staff:sam", 15))
    assert await shown(browser, tab="mine") == ["rich"]
    do(store, "staff:sam", judge(ring, "staff:sam", judgement("abusive", "block"), 0))
    assert await shown(browser, tab="proposed") == ["Ring R1"]
    assert "Ring R1" not in await shown(browser)
    decided(store, id_of(shop, "zero"), "legitimate", "allow")
    assert await shown(browser, tab="decided") == ["zero"]
    page = (await browser.get("/cases", tab="decided")).text
    assert "legitimate" in page
    assert "#undo" in page
    chips = re.findall(r'<a href="/cases\?tab=[^"]+"[^>]*>([^<]+) <span class="chip">(\d+)', page)
    assert [int(number) for _, number in chips] == [1, 1, 0, 1, 1]


async def test_the_next_case_is_the_best_that_nobody_has(shop: Any) -> None:
    browser, other = await sign_in(shop), await sign_in(shop, "sam")
    await browser.send("/cases", "/cases/next")
    assert case_of(shop.store, id_of(shop, "r1")).holder(shop.clock.now) == "staff:rita"
    await asyncio.gather(*(one.send("/cases", "/cases/next") for one in (browser, other)))
    holders = {case.users[0]: case.holder(shop.clock.now) for case in shop.store.read(open_cases)}
    assert sorted(str(holders[user]) for user in ("rich", "zero")) == ["staff:rita", "staff:sam"]
    answer = await other.send("/cases", "/cases/next")
    assert "No free case" in answer.text


async def test_a_case_is_taken_let_go_and_put_off_by_forms(shop: Any) -> None:
    browser, other, store = await sign_in(shop), await sign_in(shop, "sam"), shop.store
    case_id = id_of(shop, "rich")
    hidden = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/cases")).text)
    theirs = re.search(r'name="csrf" value="([^"]+)"', (await other.get("/cases")).text)
    assert hidden is not None
    assert theirs is not None
    form = {"csrf": hidden.group(1)}
    quick: dict[str, Any] = {"follow_redirects": False}

    async def post(who: Browser, what: str, key: int, **values: Any) -> Any:
        token = form if who is browser else {"csrf": theirs.group(1)}
        data = {**token, "key": f"{key:032x}", **values}
        return await who.client.post(f"/cases/{case_id}/{what}", data=data, **quick)

    assert (await post(browser, "claim", 1)).headers["location"].startswith(f"/cases/{case_id}?said=")
    refused = await post(other, "claim", 2)
    assert refused.headers["location"] == f"/cases/{case_id}?refused=case_leased"
    assert (await post(browser, "let-go", 3)).status_code == 303
    assert case_of(store, case_id).holder(shop.clock.now) is None
    assert (await post(other, "snooze", 4, hours="1", reason="asked the shop")).status_code == 303
    assert case_of(store, case_id).asleep(shop.clock.now)
    assert await shown(browser, tab="snoozed") == ["rich"]
    shop.clock.forward(minutes=59)
    assert "rich" not in await shown(browser)
    await shown(other)
    shop.clock.forward(minutes=1)
    assert "rich" in await shown(browser), "it wakes by itself"
    assert (await post(other, "snooze", 5, until="2026-05-03", reason="x")).status_code == 303
    assert case_of(store, case_id).snoozed_until.isoformat() == "2026-05-02T16:00:00", "midnight in the shop"
    for wrong in ({"until": "soon", "reason": "x"}, {"hours": "2", "reason": ""}, {"hours": "9999", "reason": "x"}):
        assert (await post(other, "snooze", 6, **wrong)).status_code == 422
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_case_of_nobody_and_one_of_another_shop_look_alike(shop: Any) -> None:
    browser = await sign_in(shop)
    token = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/cases")).text)
    assert token is not None
    bodies = set()
    for n, name in enumerate(("case_none", "case_01kqgv30g0w3rr193r46napxdt", "x y")):
        for m, what in enumerate(("claim", "let-go", "snooze")):
            data = {"csrf": token.group(1), "key": f"{n:031x}{m:x}", "hours": "1", "reason": "x"}
            answer = await browser.client.post(f"/cases/{name}/{what}", data=data)
            assert answer.status_code == 404
            bodies.add(re.sub(r"req_\w+|/cases/[^\"&]*|back=[^\"]*", "", answer.text))
    assert len(bodies) == 1


async def test_who_may_only_read_takes_nothing(shop: Any) -> None:
    analyst = await sign_in(shop, "ana", "analyst")
    page = (await analyst.get("/cases")).text
    assert "/cases/next" not in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    data = {"csrf": token.group(1), "key": "0" * 32}
    assert (await analyst.client.post("/cases/next", data=data)).status_code == 403
    assert (await analyst.client.post(f"/cases/{id_of(shop, 'rich')}/claim", data=data)).status_code == 403
    assert (await (await sign_in(shop, "op", "operator")).get("/cases")).status_code == 403


async def test_views_are_kept_for_each_person_and_forgotten(shop: Any) -> None:
    browser, other = await sign_in(shop), await sign_in(shop, "sam")
    await browser.send("/cases", "/cases/views", name="strong <rings>", query="kind=ring&score=80&x=1")
    page = (await browser.get("/cases")).text
    assert '<a href="/cases?kind=ring&amp;score=80">strong &lt;rings&gt;</a>' in page
    assert "strong &lt;" not in (await other.get("/cases")).text
    await browser.send("/cases?kind=account", "/cases/views", name="strong <rings>")
    page = (await browser.get("/cases")).text
    assert page.count("strong &lt;rings&gt;</a>") == 1
    assert "kind=account" in page
    action = re.search(r'action="(/cases/views/[^"]+/delete)"', page)
    assert action is not None
    token = re.search(r'name="csrf" value="([^"]+)"', (await other.get("/cases")).text)
    assert token is not None
    foreign = {"csrf": token.group(1), "key": "1" * 32}
    assert (await other.client.post(action.group(1), data=foreign)).status_code == 404
    await browser.send("/cases", action.group(1))
    assert "strong &lt;" not in (await browser.get("/cases")).text
    assert "needs a name" in (await browser.send("/cases", "/cases/views", name="x" * 41)).text
    for n in range(21):
        answer = await browser.send("/cases", "/cases/views", name=f"v{n}")
    assert "delete one" in answer.text
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_blind_case_shows_nothing_that_leads_the_eye(shop: Any) -> None:
    store = shop.store

    def secret(tx: Any) -> Answer:
        flag = Flag("rich", 0.97, "block", (Reason("x", "telltale", "线索"),))
        put(tx, "second:case_1", (flag,), "second", blind=True, not_by="staff:rita")
        return Answer(200, {})

    do(store, "console", secret)
    browser = await sign_in(shop, "sam")
    page = (await browser.get("/cases")).text
    assert "blind" in page
    for word in ("telltale", "97%", "second"):
        assert word not in page
    for query in ({"score": "95"}, {"source": "second"}, {"action": "block", "q": "rich"}, {"q": "second"}):
        assert "rich" not in await shown(browser, **query)
    # 0.5 × 24.00: under the two with 14.40
    assert await shown(browser) == ["Ring R1", "rich", "rich", "zero"]
    rita = await sign_in(shop)
    for _ in range(4):
        await rita.send("/cases", "/cases/next")
    blind = next(case for case in store.read(open_cases) if case.blind)
    assert blind.holder(shop.clock.now) is None, "who decided the first does not get the second look"


async def test_long_lists_come_in_pages(small_shop: Any) -> None:
    put_flags(small_shop.store, [Flag(f"u{n:03d}", 0.5, "hold") for n in range(120)])
    browser = await sign_in(small_shop)
    pages = [await shown(browser, page=page) for page in range(3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len({user for page in pages for user in page}) == 120
