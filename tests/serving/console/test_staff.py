"""The list of staff: only admins, and what they do holds at once."""

from __future__ import annotations

import asyncio
import html
import re
from datetime import datetime
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fakes.console import Browser, hidden_of, sign_in
from fakes.door import at_the_door, employ, field, knock
from fakes.shop import Shop
from sqlalchemy import select

from features.errors import InputError
from serving.staff.account import apply, clean_name
from serving.staff.accounts import disable, enable, find, set_role
from serving.store.schema import events
from serving.store.unit import Request
from serving.store.verify import verify_ledger


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("serving.staff.passwords.PasswordHasher", lambda: quick)


@pytest.fixture
async def adam(small_shop: Shop) -> Browser:
    return await sign_in(small_shop, "adam", "admin")


def account(shop: Shop, name: str) -> Any:
    return shop.store.read(lambda connection: find(connection, name))


def link_on(page: str) -> str:
    found = re.search(r'<code id="link">([^<]+)</code>', page)
    assert found is not None
    return html.unescape(found.group(1))


async def test_somebody_new_gets_a_link_that_is_shown_once(small_shop: Shop, adam: Browser) -> None:
    page = (await adam.get("/staff")).text
    form = {**hidden_of(page, "/staff"), "name": "Rita", "role": "reviewer"}
    answer = await adam.client.post("/staff", data=form)
    link = link_on(answer.text)
    assert link.startswith("http://console/sign-in/link?link=")
    again = await adam.client.post("/staff", data=form)
    assert "shown once" in again.text
    assert link not in again.text
    async with at_the_door(small_shop) as browser:
        page = (await browser.get(link)).text
        form = {"token": field(page, "token"), "link": field(page, "link")}
        assert (await browser.post("/sign-in/link", data=form)).headers["location"] == "/"
        assert (await browser.get("/cases")).status_code in (200, 404)
        assert "rita" in (await browser.get("/account")).text
    assert "rita" in (await adam.get("/staff")).text
    kinds = select(events.c.kind).where(events.c.stream == "staff:rita").order_by(events.c.n)
    assert small_shop.store.read(lambda c: c.execute(kinds).scalars().all()) == ["staff.added", "staff.link_made"]


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [("rita", "reviewer", 409), ("", "reviewer", 422), ("a b", "reviewer", 422), ("<b>", "lead", 422),
     ("x" * 61, "lead", 422), ("new", "king", 422), ("new", "", 422), ("../x", "lead", 422)],
)  # fmt: skip
async def test_a_name_that_is_taken_or_none_is_refused(
    small_shop: Shop, adam: Browser, name: str, role: str, status: int
) -> None:
    await employ(small_shop, "rita")
    assert (await adam.send("/staff", "/staff", name=name, role=role)).status_code == status
    assert account(small_shop, "new") is None


async def test_role_and_state_change_from_the_page(small_shop: Shop, adam: Browser) -> None:
    rita = await sign_in(small_shop, "rita")
    assert "Saved." in (await adam.send("/staff/rita", "/staff/rita/role", role="analyst")).text
    assert (await rita.get("/audit")).status_code == 200
    assert (await adam.send("/staff/rita", "/staff/rita/role", role="king")).status_code == 422
    assert "Saved." in (await adam.send("/staff/rita", "/staff/rita/disable")).text
    rita.client.follow_redirects = False
    assert (await rita.get("/account")).status_code == 303
    assert "One-time link" not in (await adam.get("/staff/rita")).text
    assert "Saved." in (await adam.send("/staff/rita", "/staff/rita/enable")).text
    assert (account(small_shop, "rita").role, account(small_shop, "rita").state) == ("analyst", "active")
    assert (await rita.get("/account")).status_code == 303, "the session stays ended"
    assert (await adam.get("/staff/nobody")).status_code == 404
    report = verify_ledger(small_shop.settings.ledger_url)
    assert report.exact, report.differences


async def test_a_locked_account_is_seen_and_unlocked(small_shop: Shop, adam: Browser) -> None:
    await employ(small_shop)
    async with at_the_door(small_shop) as browser:
        for _ in range(5):
            await knock(browser, "rita", "wrong")
        assert (await knock(browser, "rita")).status_code == 403
        page = (await adam.get("/staff/rita")).text
        assert "locked until <time" in page
        await adam.send("/staff/rita", "/staff/rita/unlock")
        assert "locked until" not in (await adam.get("/staff/rita")).text
        assert (await knock(browser, "rita")).status_code == 303


async def test_sessions_of_somebody_else_can_be_ended(small_shop: Shop, adam: Browser) -> None:
    rita = await sign_in(small_shop, "rita")
    await adam.send("/staff/rita", "/staff/rita/end")
    rita.client.follow_redirects = False
    assert (await rita.get("/account")).status_code == 303
    assert (await adam.get("/account")).status_code == 200


async def test_a_link_from_the_page_replaces_the_one_before(small_shop: Shop, adam: Browser) -> None:
    await employ(small_shop)
    links = [link_on((await adam.send("/staff/rita", "/staff/rita/link")).text) for _ in range(2)]
    async with at_the_door(small_shop) as browser:
        for link, status in zip(links, (403, 303), strict=True):
            page = (await browser.get(link)).text
            form = {"token": field(page, "token"), "link": field(page, "link")}
            assert (await browser.post("/sign-in/link", data=form)).status_code == status


async def test_the_last_active_admin_stays(small_shop: Shop, adam: Browser) -> None:
    refused = await adam.send("/staff/adam", "/staff/adam/disable")
    assert refused.status_code == 409
    assert "The last active admin stays." in refused.text
    assert (await adam.send("/staff/adam", "/staff/adam/role", role="lead")).status_code == 409
    await employ(small_shop, "anna", "admin")
    assert "Saved." in (await adam.send("/staff/anna", "/staff/anna/disable")).text
    assert (await adam.send("/staff/adam", "/staff/adam/disable")).status_code == 409, "anna is not active"
    await adam.send("/staff/anna", "/staff/anna/enable")
    assert (await adam.send("/staff/adam", "/staff/adam/role", role="lead")).status_code == 403, "no admin any more"
    assert account(small_shop, "adam").role == "lead"


async def test_two_admins_cannot_shut_out_each_other(shop: Shop) -> None:
    await asyncio.gather(employ(shop, "adam", "admin", None), employ(shop, "anna", "admin", None))
    for _ in range(5):
        tasks = []
        for name, change in (("adam", disable), ("anna", disable)):
            key = shop.store.ids("tst")
            tasks.append(shop.store.run(Request("cli:test", key, "staff", key), change(name)))
        answers = await asyncio.gather(*tasks)
        assert sorted(answer.status for answer in answers) == [200, 409]
        active = [name for name in ("adam", "anna") if account(shop, name).active]
        assert len(active) == 1
        for name in ("adam", "anna"):
            key = shop.store.ids("tst")
            await shop.store.run(Request("cli:test", key, "staff", key), enable(name))
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_many_changes_of_one_account_at_once_keep_their_order(shop: Shop) -> None:
    await employ(shop, "rita", "reviewer", None)
    roles = ["lead", "analyst", "operator", "reviewer"] * 5

    async def change(role: str) -> int:
        key = shop.store.ids("tst")
        return (await shop.store.run(Request("cli:test", key, "staff", key), set_role("rita", role))).status

    assert set(await asyncio.gather(*(change(role) for role in roles))) == {200}
    report = verify_ledger(shop.settings.ledger_url)
    assert report.exact, report.differences


async def test_people_coming_at_once_keep_the_order_of_their_stream(shop: Shop) -> None:
    await employ(shop)
    async with at_the_door(shop) as browser:
        page = (await browser.get("/sign-in")).text
        form = {"token": field(page, "token"), "name": "rita", "password": "correct horse battery"}
        answers = await asyncio.gather(*(browser.post("/sign-in", data=form) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    query = select(events.c.n).where(events.c.stream == "entrance:rita").order_by(events.c.n)
    assert shop.store.read(lambda c: c.execute(query).scalars().all()) == [1, 2, 3, 4]
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_the_page_reads_in_chinese_too(small_shop: Shop) -> None:
    adam = await sign_in(small_shop, "adam", "admin", "zh")
    page = (await adam.get("/staff")).text
    assert "添加人员" in page
    assert "Add somebody" not in page


@pytest.mark.parametrize("text", ["", " ", "a b", "ä", "x" * 61, ".rita", "rita/..", "rita\n", "<b>", "a:b"])
def test_names_that_cannot_be_one(text: str) -> None:
    with pytest.raises(InputError):
        clean_name(text if text != "rita\n" else "ri\nta")


def test_events_that_cannot_have_happened_are_refused() -> None:
    at = datetime(2026, 5, 1)
    data = {"name": "rita", "role": "lead", "origin": "local"}
    rita = apply(None, "staff.added", data, at)
    for account, kind, wrong in (
        (rita, "staff.added", data),
        (None, "staff.disabled", data),
        (rita, "staff.enabled", data),
        (rita, "staff.role_set", {**data, "role": "king"}),
        (rita, "staff.crowned", data),
    ):
        with pytest.raises(ValueError):
            apply(account, kind, wrong, at)


# -- every page and every form, by role --------------------------------------------------------------------------------

ROLES = ("reviewer", "lead", "operator", "analyst", "admin")
EVERYBODY = "R L O A D"
# Who may open a page or send a form: reviewer, lead, operator, analyst, aDmin; "open" also to who is not signed in.
MATRIX = {
    "GET /": EVERYBODY,
    "GET /account": EVERYBODY,
    "POST /account/others": EVERYBODY,
    "POST /account/password": EVERYBODY,
    "GET /appeals": "R L",
    "GET /appeals/{appeal_id}": "R L",
    "POST /appeals/{appeal_id}": "R L",
    "GET /approvals": "R L A D",
    "GET /audit": "L A D",
    "POST /audit/export": "L A D",
    "POST /audit/verify": "L A D",
    "GET /budget": "L O A D",
    "POST /budget/draft": "O",
    "GET /cases": "R L A D",
    "POST /cases/next": "R L",
    "POST /cases/views": "R L A D",
    "POST /cases/views/{view_id}/delete": "R L A D",
    "GET /cases/{case_id}": "R L A D",
    "POST /cases/{case_id}": "R L",
    "POST /cases/{case_id}/approve": "L",
    "POST /cases/{case_id}/claim": "R L",
    "POST /cases/{case_id}/decline": "L",
    "POST /cases/{case_id}/judge": "R L",
    "POST /cases/{case_id}/let-go": "R L",
    "POST /cases/{case_id}/preview": "R L",
    "POST /cases/{case_id}/snooze": "R L",
    "POST /cases/{case_id}/undo": "R L",
    "GET /cross": "L O A D",
    "GET /cross.csv": "L O A D",
    "GET /drift": "L O A D",
    "GET /drift.csv": "L O A D",
    "GET /favicon.ico": "open",
    "GET /feedback": "L A D",
    "GET /feedback/verdicts.csv": "L A D",
    "GET /healthz": "open",
    "GET /lab": "L A D",
    "POST /lab/back": "L",
    "GET /lab/new": "L",
    "POST /lab/new": "L",
    "GET /lab/{change_id}": "L A D",
    "GET /lab/{change_id}/affected.csv": "L A D",
    "POST /lab/{change_id}/promote": "L",
    "POST /lab/{change_id}/reject": "L",
    "GET /lab/{change_id}/revise": "L",
    "POST /lab/{change_id}/revise": "L",
    "POST /lab/{change_id}/run": "L",
    "POST /lab/{change_id}/shadow": "L",
    "GET /lab/{change_id}/state": "L A D",
    "POST /lab/{change_id}/withdraw": "L",
    "GET /lists": "R L D",
    "POST /lists": "R L",
    "POST /lists/check": "R L",
    "GET /lists/{entry_id}": "R L D",
    "POST /lists/{entry_id}/prolong": "R L",
    "POST /lists/{entry_id}/remove": "R L",
    "GET /metrics": "open",
    "GET /models": "L O A D",
    "GET /models.csv": "L O A D",
    "GET /models/curves.csv": "L O A D",
    "GET /overview": EVERYBODY,
    "GET /overview.csv": "L O A D",
    "GET /overview/tiles": EVERYBODY,
    "GET /prefer": "open",
    "GET /problems": "open",
    "GET /problems/{code}": "open",
    "GET /readyz": "open",
    "GET /reveal": "L",
    "POST /reveal": "L",
    "GET /sign-in": "open",
    "POST /sign-in": "open",
    "GET /sign-in/back": "open",
    "GET /sign-in/link": "open",
    "POST /sign-in/link": "open",
    "GET /sign-in/provider": "open",
    "POST /sign-out": EVERYBODY,
    "GET /simulator": EVERYBODY,
    "POST /simulator": EVERYBODY,
    "GET /staff": "D",
    "POST /staff": "D",
    "GET /staff/{name}": "D",
    "POST /staff/{name}/disable": "D",
    "POST /staff/{name}/enable": "D",
    "POST /staff/{name}/end": "D",
    "POST /staff/{name}/link": "D",
    "POST /staff/{name}/role": "D",
    "POST /staff/{name}/unlock": "D",
    "GET /static/{name}": "open",
    "GET /thresholds": "L O A D",
    "POST /thresholds/run": "L",
    "GET /why": EVERYBODY,
}
# Refused when sent empty, whoever sends it: what is saved must carry the seal of its preview.
SEALED = {"POST /lists"}
LETTERS = {"reviewer": "R", "lead": "L", "operator": "O", "analyst": "A", "admin": "D"}


def routes(shop: Shop) -> list[tuple[str, str]]:
    found = []
    for route in shop.console.routes:
        for method in sorted((getattr(route, "methods", None) or set()) - {"HEAD"}):
            found.append((method, route.path))
    return sorted(found)


def test_every_route_has_an_expectation(small_shop: Shop) -> None:
    known = {f"{method} {path}" for method, path in routes(small_shop)}
    assert known - MATRIX.keys() == set(), "say who may"


async def asked(client: httpx.AsyncClient, method: str, path: str, csrf: str = "") -> httpx.Response:
    address = re.sub(r"\{[^}]+\}", "x", path)
    if method == "GET":
        return await client.get(address)
    # The token is right and nothing else is there: who may is told what is missing, and nothing happens.
    return await client.post(address, data={"csrf": csrf})


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_what_is_written_and_nothing_else(small_shop: Shop, role: str) -> None:
    browser = await sign_in(small_shop, role, role)
    browser.client.follow_redirects = False
    csrf = hidden_of((await browser.get("/account")).text, "/sign-out")["csrf"]
    wrong = []
    closed = [route for route in routes(small_shop) if MATRIX.get(" ".join(route), "open") != "open"]
    for method, path in sorted(closed, key=lambda route: route[1] == "/sign-out"):
        answer = await asked(browser.client, method, path, csrf)
        name = f"{method} {path}"
        may = LETTERS[role] in MATRIX[name].split() and name not in SEALED
        if (answer.status_code != 403) != may or answer.status_code in (401, 500):
            wrong.append((method, path, answer.status_code))
    assert wrong == []


async def test_who_is_not_signed_in_sees_the_door_only(small_shop: Shop) -> None:
    wrong = []
    for method, path in routes(small_shop):
        name = f"{method} {path}"
        async with at_the_door(small_shop) as browser:
            answer = await asked(browser, method, path)
        if MATRIX.get(name) == "open":
            outside = answer.headers.get("location", "").startswith("/sign-in?to=")
            good = not outside and answer.status_code not in (401, 500)
        elif method == "GET":
            good = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
        else:
            good = answer.status_code == 401
        if not good:
            wrong.append((name, answer.status_code))
    assert wrong == []


async def test_no_form_of_any_page_works_without_its_token(small_shop: Shop) -> None:
    lead, admin = await sign_in(small_shop, "lena", "lead"), await sign_in(small_shop, "adam", "admin")
    wrong = []
    for method, path in routes(small_shop):
        if method == "GET" or MATRIX.get(f"{method} {path}") == "open":
            continue
        for browser in (lead, admin):
            answer = await asked(browser.client, method, path, "0" * 64)
            if answer.status_code != 403:
                wrong.append((path, answer.status_code))
    assert wrong == []
