"""The door: who gets in, who does not, and that nobody learns why not."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fakes.console import hidden_of, sign_in
from fakes.door import PASSWORD, at_the_door, employ, field, knock
from fakes.shop import Clock, Shop
from sqlalchemy import func, select

from serving.app import console_app
from serving.console.visitor import COOKIE
from serving.staff.accounts import disable, set_role
from serving.staff.before import inside
from serving.staff.entrance import Browser
from serving.staff.links import give, new_link
from serving.store.schema import events, requests
from serving.store.schema_staff import console_sessions, sign_in_links, staff_secrets
from serving.store.unit import Request, Store
from serving.store.verify import verify_ledger

WRONG = "Name and password do not fit"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("serving.staff.passwords.PasswordHasher", lambda: quick)


@pytest.fixture
async def shop(small_shop: Shop) -> Shop:
    await employ(small_shop)
    return small_shop


def run(shop: Shop, command: Any) -> dict[str, Any]:
    key = shop.store.ids("tst")
    return shop.store.write(Request("cli:test", key, "staff", key), command).body


def told(shop: Shop, kind: str) -> list[Any]:
    query = select(events).where(events.c.kind == kind).order_by(events.c.seq)
    return shop.store.read(lambda connection: list(connection.execute(query)))


def sessions(shop: Shop) -> int:
    return shop.store.read(
        lambda connection: connection.execute(select(func.count()).select_from(console_sessions)).scalar()
    )


# -- name and password -----------------------------------------------------------------------------------------------


async def test_name_and_password_open_a_session_and_lead_to_the_page_that_was_wanted(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        wanted = await browser.get("/account?x=1")
        assert wanted.status_code == 303
        assert wanted.headers["location"] == "/sign-in?to=/account%3Fx%3D1"
        answer = await knock(browser, " Rita ", to="/account?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "secure" not in cookie
        assert (await browser.get("/account")).status_code == 200
        assert (await browser.get("/sign-in?to=/account")).headers["location"] == "/account"
    came = told(shop, "entrance.signed_in")
    assert [(row.stream, row.actor) for row in came] == [("entrance:rita", "staff:rita")]
    assert "10.0.0.1" not in came[0].data


async def test_the_cookie_is_for_https_only_where_the_console_is(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        browser.base_url = httpx.URL("https://console")
        answer = await knock(browser, "rita")
        assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(("name", "password"), [("rita", "wrong"), ("nobody", PASSWORD), ("", ""), ("gone", PASSWORD)])
async def test_whoever_fails_is_told_the_same(shop: Shop, name: str, password: str) -> None:
    await employ(shop, "gone")
    await employ(shop, "adam", "admin")
    run(shop, disable("gone"))
    async with at_the_door(shop) as browser:
        answer = await knock(browser, name, password)
        assert answer.status_code == 403
        assert WRONG in answer.text
        assert COOKIE not in browser.cookies
        assert "sign-in" in (await browser.get("/account")).headers["location"]


async def test_an_unknown_name_costs_one_hash_like_a_known_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    passwords = shop.console.state.desk.entrance.passwords
    real = passwords._check

    def counted(kept: str | None, password: str) -> Any:
        calls.append(kept or passwords._nobody)
        return real(kept, password)

    monkeypatch.setattr(passwords, "_check", counted)
    async with at_the_door(shop) as browser:
        await knock(browser, "rita", "wrong")
        await knock(browser, "nobody", "wrong")
    assert len(calls) == 2
    parameters = [call.split("$")[1:4] for call in calls]
    assert parameters[0] == parameters[1], "the same cost"


async def test_names_that_do_not_exist_are_never_told_raw(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        await knock(browser, "hunter2-my-password", "x")
        await knock(browser, "rita", "x")
    known, unknown = sorted(told(shop, "entrance.failed"), key=lambda row: "?" in row.stream)
    assert known.stream == "entrance:rita"
    assert re.fullmatch(r"entrance:\?[0-9a-f]{32}", unknown.stream)
    with open(shop.settings.ledger_url.removeprefix("sqlite:///"), "rb") as file:
        assert b"hunter2" not in file.read()


async def test_a_hash_with_old_parameters_is_made_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> str:
        return shop.store.read(lambda connection: connection.execute(select(staff_secrets.c.password)).scalar())

    before = kept()
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(shop.console.state.desk.entrance.passwords, "_hasher", stronger)
    async with at_the_door(shop) as browser:
        assert (await knock(browser, "rita")).status_code == 303
        after = kept()
        assert "t=2" in after
        assert after != before
        assert (await knock(browser, "rita")).status_code == 303
    assert kept() == after


# -- guessing --------------------------------------------------------------------------------------------------------


async def test_five_wrong_passwords_lock_the_account_and_the_clock_opens_it(shop: Shop, clock: Clock) -> None:
    async with at_the_door(shop) as browser:
        for _ in range(5):
            assert (await knock(browser, "rita", "wrong")).status_code == 403
        locked = await knock(browser, "rita")
        assert (locked.status_code, WRONG in locked.text) == (403, True), "the right one does not help"
        clock.forward(minutes=14, seconds=59)
        assert (await knock(browser, "rita")).status_code == 403
        clock.forward(seconds=1)
        assert (await knock(browser, "rita")).status_code == 303
    assert len(told(shop, "entrance.failed")) == 4
    assert [row.stream for row in told(shop, "entrance.locked")][:1] == ["entrance:rita"]


async def test_wrong_passwords_of_long_ago_do_not_add_up(shop: Shop, clock: Clock) -> None:
    async with at_the_door(shop) as browser:
        for _ in range(12):
            await knock(browser, "rita", "wrong")
            clock.forward(minutes=15)
        assert (await knock(browser, "rita")).status_code == 303


async def test_a_hundred_guesses_at_once_are_still_five(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str | None] = []
    passwords = shop.console.state.desk.entrance.passwords
    real = passwords._check

    def counted(kept: str | None, password: str) -> Any:
        checked.append(kept)
        return real(kept, password)

    monkeypatch.setattr(passwords, "_check", counted)
    async with at_the_door(shop) as browser:
        page = (await browser.get("/sign-in")).text
        form = {"token": field(page, "token"), "name": "rita", "password": "wrong"}
        await asyncio.gather(*(browser.post("/sign-in", data=form) for _ in range(40)))
    assert sum(kept is not None for kept in checked) == 5


async def test_one_client_cannot_try_many_names_another_still_gets_in(shop: Shop, clock: Clock) -> None:
    async with at_the_door(shop, "10.0.0.9") as guesser, at_the_door(shop, "10.0.0.1") as rita:
        for number in range(50):
            await knock(guesser, f"name{number}", "wrong")
        assert (await knock(guesser, "rita")).status_code == 403
        written = len(told(shop, "entrance.failed"))
        await knock(guesser, "other", "wrong")
        assert len(told(shop, "entrance.failed")) == written, "who is at rest fills no log"
        assert (await knock(rita, "rita")).status_code == 303
        clock.forward(minutes=15)
        assert (await knock(guesser, "rita")).status_code == 303


# -- sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_that_was_planted_is_not_the_one_that_is_opened(shop: Shop) -> None:
    planted = "A" * 43
    async with at_the_door(shop, **{COOKIE: planted}) as browser:
        answer = await knock(browser, "rita")
        fresh = re.search(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])
        assert fresh is not None
        assert fresh.group(1) != planted
    async with at_the_door(shop, **{COOKIE: planted}) as attacker:
        assert (await attacker.get("/account")).status_code == 303


async def test_signing_in_again_ends_the_session_before(shop: Shop) -> None:
    first = await shop.console.state.desk.sessions.open("rita", "reviewer")
    async with at_the_door(shop, **{COOKIE: first}) as browser:
        page = await browser.get("/sign-in")
        assert page.status_code == 303, "signed in already"
    second = await shop.console.state.desk.entrance.by_password("rita", PASSWORD, Browser("10.0.0.1", "", first))
    assert second is not None
    find = shop.console.state.desk.sessions.find
    assert await find(first) is None
    assert (await find(second)).name == "rita"


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "rita", "%00", "a.b.c", "é", "0" * 5000])
async def test_a_made_up_cookie_is_nobodys(shop: Shop, cookie: str) -> None:
    await shop.console.state.desk.sessions.open("rita", "reviewer")
    answer = await at_the_door(shop).get("/account", headers={"cookie": f"{COOKIE}={cookie}".encode()})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_a_session_ends_by_the_clock(shop: Shop, clock: Clock) -> None:
    sessions = shop.console.state.desk.sessions
    cookie = await sessions.open("rita", "reviewer")
    clock.forward(minutes=59, seconds=59)
    assert await sessions.find(cookie) is not None
    clock.forward(minutes=60)
    assert await sessions.find(cookie) is None, "an hour without a click"
    cookie = await sessions.open("rita", "reviewer")
    for _ in range(19):
        clock.forward(minutes=30)
        assert await sessions.find(cookie) is not None
    clock.forward(minutes=30)
    assert await sessions.find(cookie) is None, "ten hours, however busy"


async def test_being_seen_is_written_once_a_minute(shop: Shop, clock: Clock) -> None:
    sessions = shop.console.state.desk.sessions
    cookie = await sessions.open("rita", "reviewer")

    def writes() -> int:
        query = select(func.count()).select_from(requests).where(requests.c.route == "seen")
        return shop.store.read(lambda connection: connection.execute(query).scalar())

    for _ in range(59):
        clock.forward(seconds=1)
        await sessions.find(cookie)
    assert writes() == 0
    clock.forward(seconds=1)
    await sessions.find(cookie)
    await sessions.find(cookie)
    assert writes() == 1


async def test_only_hashes_of_cookies_and_links_are_kept(shop: Shop) -> None:
    cookie, link = await shop.console.state.desk.sessions.open("rita", "reviewer"), new_link()
    run(shop, give("rita", link))
    tables = (console_sessions, sign_in_links, events, requests, staff_secrets)
    kept = shop.store.read(lambda c: "\n".join(str(tuple(row)) for table in tables for row in c.execute(select(table))))
    assert cookie not in kept
    assert link not in kept
    assert PASSWORD not in kept
    visitor = await shop.console.state.desk.sessions.find(cookie)
    assert visitor is not None
    assert visitor.csrf not in kept


async def test_signing_out_ends_the_session_on_the_server(shop: Shop) -> None:
    rita = await sign_in(shop, "rita")
    cookie = rita.client.cookies[COOKIE]
    assert "You are signed out." in (await rita.send("/account", "/sign-out")).text
    async with at_the_door(shop, **{COOKIE: cookie}) as thief:
        assert (await thief.get("/account")).status_code == 303
    assert [row.actor for row in told(shop, "entrance.signed_out")] == ["staff:rita"]
    assert sessions(shop) == 0


async def test_a_role_holds_and_a_shut_account_is_out_at_the_next_click(shop: Shop) -> None:
    await employ(shop, "adam", "admin")
    rita = await sign_in(shop, "rita")
    assert (await rita.get("/audit")).status_code == 403
    run(shop, set_role("rita", "lead"))
    assert (await rita.get("/audit")).status_code == 200
    run(shop, disable("rita"))
    rita.client.follow_redirects = False
    assert (await rita.get("/account")).status_code == 303
    assert sessions(shop) == 0


async def test_the_cookie_of_another_installation_is_worth_nothing(shop: Shop, tmp_path: Any, scoring: Any) -> None:
    other = Shop(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}", shop.clock, scoring)
    try:
        cookie = await other.console.state.desk.sessions.open("rita", "admin")
        async with at_the_door(shop, **{COOKIE: cookie}) as browser:
            assert (await browser.get("/account")).status_code == 303
    finally:
        await other.close()


# -- forms of others -------------------------------------------------------------------------------------------------


async def test_a_form_without_our_token_or_with_anothers_does_nothing(shop: Shop) -> None:
    rita, lena = await sign_in(shop, "rita"), await sign_in(shop, "lena", "lead")
    page = (await rita.get("/account")).text
    good = hidden_of(page, "/sign-out")
    foreign = hidden_of((await lena.get("/account")).text, "/sign-out")
    for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, foreign, {"csrf": "é"}):
        assert (await rita.client.post("/sign-out", data=form)).status_code == 403
    for origin in ("https://evil.example", "null", "http://console.evil.example", "http://console:81"):
        assert (await rita.client.post("/sign-out", data=good, headers={"origin": origin})).status_code == 403
    assert sessions(shop) == 2
    assert (await rita.client.post("/sign-out", data=good, headers={"origin": "http://console"})).status_code == 200
    assert sessions(shop) == 1


async def test_nobody_can_be_signed_in_by_a_foreign_page(shop: Shop) -> None:
    async with at_the_door(shop) as victim, at_the_door(shop) as attacker:
        token = field((await attacker.get("/sign-in")).text, "token")
        form = {"name": "rita", "password": PASSWORD}
        assert (await victim.post("/sign-in", data={**form, "token": token})).status_code == 403, "no page was opened"
        await victim.get("/sign-in")
        for given in ("", token, "é"):
            assert (await victim.post("/sign-in", data={**form, "token": given})).status_code == 403
        assert (await knock(victim, "rita", origin="https://evil.example")).status_code == 403
        assert COOKIE not in victim.cookies
        assert sessions(shop) == 0


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "cases",
        "/\t/evil.example", "/\n/evil.example", "///evil.example", "http:evil.example", "", "/sign-in?to=x",
        "/sign-out", "//[", "/" + "a" * 3000,
    ],
)  # fmt: skip
async def test_signing_in_never_leads_elsewhere(shop: Shop, to: str) -> None:
    assert inside(to) == "/"
    async with at_the_door(shop) as browser:
        page = (await browser.get("/sign-in")).text
        form = {"token": field(page, "token"), "to": to, "name": "rita", "password": PASSWORD}
        assert (await browser.post("/sign-in", data=form)).headers["location"] == "/"


@pytest.mark.parametrize("content", [b"\xff=1", b"name=%ff", b"x" * 500_000, b"&".join(b"a=1" for _ in range(7000))])
async def test_a_form_that_is_none_is_refused(shop: Shop, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with at_the_door(shop) as browser:
        answer = await browser.post("/sign-in", content=content, headers=headers)
        assert answer.status_code in (403, 413, 422)


# -- one-time links --------------------------------------------------------------------------------------------------


async def open_link(shop: Shop, link: str) -> httpx.Response:
    async with at_the_door(shop) as browser:
        page = await browser.get("/sign-in/link", params={"link": link})
        assert page.status_code == 200
        assert COOKIE not in browser.cookies, "opening it signs nobody in"
        return await browser.post("/sign-in/link", data={"token": field(page.text, "token"), "link": link})


async def test_a_link_signs_in_once_and_within_its_minutes(shop: Shop, clock: Clock) -> None:
    link = new_link()
    run(shop, give("rita", link))
    await at_the_door(shop).get("/sign-in/link", params={"link": link})
    clock.forward(minutes=14, seconds=59)
    assert (await open_link(shop, link)).headers["location"] == "/"
    again = await open_link(shop, link)
    assert again.status_code == 403
    assert "used or is too old" in again.text
    assert [row.stream for row in told(shop, "entrance.failed")] == ["entrance:rita"], "a second use is noticed"
    late = new_link()
    run(shop, give("rita", late))
    clock.forward(minutes=15)
    assert (await open_link(shop, late)).status_code == 403
    assert (await open_link(shop, "made up")).status_code == 403


async def test_a_newer_link_and_a_shut_account_end_a_link(shop: Shop) -> None:
    await employ(shop, "adam", "admin")
    first, second = new_link(), new_link()
    run(shop, give("rita", first))
    run(shop, give("rita", second))
    assert (await open_link(shop, first)).status_code == 403
    run(shop, disable("rita"))
    assert (await open_link(shop, second)).status_code == 403
    assert run(shop, give("rita", new_link()))["code"] == "staff_disabled"


async def test_a_link_of_a_locked_account_lets_in(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        for _ in range(5):
            await knock(browser, "rita", "wrong")
    link = new_link()
    run(shop, give("rita", link))
    assert (await open_link(shop, link)).status_code == 303


async def test_a_page_of_a_link_needs_the_token_too(shop: Shop) -> None:
    link = new_link()
    run(shop, give("rita", link))
    async with at_the_door(shop) as browser:
        assert (await browser.post("/sign-in/link", data={"link": link})).status_code == 403
    assert (await open_link(shop, link)).status_code == 303


# -- one's own account -----------------------------------------------------------------------------------------------


async def test_changing_the_password_ends_the_other_sessions(shop: Shop) -> None:
    here, there = await sign_in(shop, "rita"), await sign_in(shop, "rita")
    new = "an even longer one"

    async def change(current: str, fresh: str, again: str) -> httpx.Response:
        return await here.send("/account", "/account/password", current=current, new=fresh, again=again)

    assert "is not right" in (await change("wrong", new, new)).text
    assert "differ" in (await change(PASSWORD, new, f"{new}!")).text
    for weak in ("short", "rita-rita-rita", "aaaaaaaaaaaaaaaa"):
        assert "too simple" in (await change(PASSWORD, weak, weak)).text
    assert (await there.get("/account")).status_code == 200
    assert "The password is changed" in (await change(PASSWORD, new, new)).text
    there.client.follow_redirects = False
    assert (await there.get("/account")).status_code == 303
    assert (await here.get("/account")).status_code == 200
    async with at_the_door(shop) as browser:
        assert (await knock(browser, "rita")).status_code == 403
        assert (await knock(browser, "rita", new)).status_code == 303


async def test_a_stolen_session_cannot_guess_the_password(shop: Shop) -> None:
    here = await sign_in(shop, "rita")
    new = "an even longer one"
    for _ in range(5):
        await here.send("/account", "/account/password", current="wrong", new=new, again=new)
    answer = await here.send("/account", "/account/password", current=PASSWORD, new=new, again=new)
    assert answer.status_code == 403


async def test_my_sessions_are_listed_and_the_others_can_be_ended(shop: Shop) -> None:
    here, there = await sign_in(shop, "rita"), await sign_in(shop, "rita")
    page = (await here.get("/account")).text
    assert page.count('<th scope="row"') == 2
    assert page.count("this one") == 1
    assert "Your other sessions have ended." in (await here.send("/account", "/account/others")).text
    there.client.follow_redirects = False
    assert (await there.get("/account")).status_code == 303
    assert "End the others" not in (await here.get("/account")).text


async def test_what_a_browser_says_of_itself_is_shown_and_never_run(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        browser.headers["user-agent"] = "<script>alert(1)</script>"
        await knock(browser, "rita")
        page = (await browser.get("/account")).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


async def test_the_pages_read_in_chinese_too(shop: Shop) -> None:
    async with at_the_door(shop, language="zh") as browser:
        answer = await knock(browser, "rita", "wrong")
        assert "账户名或密码不正确" in answer.text
    rita = await sign_in(shop, "rita", language="zh")
    assert "当前会话" in (await rita.get("/account")).text


async def test_a_fresh_home_says_how_to_begin(small_shop: Shop) -> None:
    async with at_the_door(small_shop) as browser:
        assert "fairdeal staff add" in (await browser.get("/sign-in")).text
        await employ(small_shop)
        assert "fairdeal staff add" not in (await browser.get("/sign-in")).text


async def test_all_of_it_is_explained_by_the_events(shop: Shop) -> None:
    async with at_the_door(shop) as browser:
        await knock(browser, "rita", "wrong")
        await knock(browser, "rita")
    run(shop, set_role("rita", "lead"))
    report = verify_ledger(shop.settings.ledger_url)
    assert report.exact, report.differences
    assert report.rows["staff"] == 1


async def test_two_processes_of_the_console_know_the_same_sessions(shop: Shop) -> None:
    beside = Store(shop.settings.ledger_url, shop.clock)
    other = console_app(shop.settings, beside)
    try:
        cookie = await shop.console.state.desk.sessions.open("rita", "reviewer")
        assert (await other.state.desk.sessions.find(cookie)).name == "rita"
        for _ in range(3):
            await shop.console.state.desk.entrance.by_password("rita", "wrong", Browser("10.0.0.1", ""))
            await other.state.desk.entrance.by_password("rita", "wrong", Browser("10.0.0.2", ""))
        assert await other.state.desk.entrance.by_password("rita", PASSWORD, Browser("10.0.0.3", "")) is None
        await other.state.desk.entrance.leave("rita", cookie)
        assert await shop.console.state.desk.sessions.find(cookie) is None
    finally:
        await other.state.desk.coupons.aclose()
        beside.close()


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "x"])
async def test_a_choice_of_language_never_leads_elsewhere(shop: Shop, back: str) -> None:
    async with at_the_door(shop) as browser:
        answer = await browser.get("/prefer", params={"language": "zh", "back": back})
        assert answer.headers["location"] == "/"
