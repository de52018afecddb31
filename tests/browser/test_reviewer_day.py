"""A reviewer's day in a real browser, by keyboard where one would use it, in both languages; and people who race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fakes.busy_shop import FARM, RESALE
from fakes.console import hidden_of
from fakes.live_console import Live, People
from playwright.sync_api import Page, expect
from sqlalchemy import select

from serving.console.visitor import COOKIE
from serving.review.flags import standing_of
from serving.staff.welcome import welcome
from serving.store.schema import cases, coupons
from serving.store.verify import verify_ledger


def four_eyes(live: Live, cents: int) -> None:
    """From how much at risk a second person is needed."""
    desk = live.shop.console.state.desk
    console = desk.settings.console.model_copy(update={"four_eyes_cents": cents})
    desk.settings = desk.settings.model_copy(update={"console": console})


def case_of(live: Live, subject: str) -> Any:
    query = select(cases).where(cases.c.subject == subject).order_by(cases.c.opened_at.desc())
    return live.shop.store.read(lambda connection: connection.execute(query).first())


def standing(live: Live, user_id: str) -> str | None:
    return live.shop.store.read(lambda connection: standing_of(connection, user_id))


def states(live: Live, users: tuple[str, ...]) -> list[str]:
    query = select(coupons.c.state).where(coupons.c.user_id.in_(users)).order_by(coupons.c.coupon_id)
    return list(live.shop.store.read(lambda connection: connection.execute(query).scalars()))


def exact(live: Live) -> None:
    report = verify_ledger(live.shop.store.url)
    assert report.exact, report.differences


def take(page: Page, path: str) -> None:
    """Open a case and take it by its key."""
    page.goto(path)
    page.keyboard.press("c")
    expect(page.locator("#decide")).to_be_visible()


def decide(page: Page, key: str, reason: str, note: str = "") -> None:
    """Verdict by its key, reason, note, preview, confirm; then the case's page again."""
    path = page.url.split("?")[0]
    page.keyboard.press(key)
    page.locator('select[name="reason_code"]').select_option(reason)
    if note:
        page.locator('#decide textarea[name="note"]').fill(note)
    page.evaluate("document.activeElement.blur()")  # keys are letters while somebody types
    page.keyboard.press("p")
    confirm(page, path)


def confirm(page: Page, path: str) -> None:
    """Confirm what the preview shows, by its key."""
    expect(page.locator('[data-key="y"]')).to_be_visible()
    page.keyboard.press("y")
    page.wait_for_url(lambda url: url.split("?")[0].split("#")[0] == path)


@pytest.mark.requirement("F187", "F183")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_whole_day_of_a_reviewer(live: Live, person: People, language: str) -> None:
    four_eyes(live, 10**9)
    rita = person("rita", "reviewer", language)
    rita.goto("/")
    expect(rita).to_have_url(f"{live.url}/cases")
    rows = rita.locator("[data-walk] > *")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("resale")
    rita.keyboard.press("j")
    rita.keyboard.press("j")
    expect(rows.nth(1)).to_contain_text("farm")
    rita.keyboard.press("Enter")
    farm = case_of(live, "ring:farm")
    expect(rita).to_have_url(f"{live.url}/cases/{farm.case_id}")
    sentence = "4 accounts, 1 device" if language == "en" else "4 个账号"
    expect(rita.locator("main")).to_contain_text(sentence)
    expect(rita.locator("svg").first).to_be_visible()
    for user_id in FARM:
        expect(rita.locator("main")).to_contain_text(user_id)

    take(rita, f"/cases/{farm.case_id}")
    decide(rita, "4", "new_account_ring", "one phone, eleven minutes")
    expect(rita.locator('form[action$="/undo"]')).to_be_visible()
    assert standing(live, "farm1") == "block"
    decided = case_of(live, "ring:farm")
    assert (decided.state, decided.verdict, decided.decided_by) == ("decided", "abusive", "staff:rita")

    rita.locator('form[action$="/undo"] select').select_option(index=1)
    rita.locator('form[action$="/undo"] button').click()
    expect(rita.locator('form[action$="/claim"], #decide').first).to_be_visible()
    assert case_of(live, "ring:farm").state == "open"
    assert standing(live, "farm1") == "withhold", "the machine's word holds again"

    rita.goto("/cases")
    rita.keyboard.press("n")
    rita.wait_for_url("**/cases/case_*")
    exact(live)


@pytest.mark.requirement("F187")
def test_four_eyes_then_revoke_then_undo_gives_the_coupons_back(live: Live, person: People) -> None:
    four_eyes(live, 10_000)
    before = states(live, RESALE)
    rita, lena = person("rita", "reviewer"), person("lena", "lead")
    case_id = case_of(live, "ring:resale").case_id
    take(rita, f"/cases/{case_id}")
    rita.locator('input[name="action"][value="other"]').check()
    rita.locator('select[name="other"]').select_option("revoke")
    rita.locator('select[name="reason_code"]').select_option("resale")
    rita.locator('select[name="as.resale6"]').select_option("allow")
    rita.locator('#decide [data-key="p"]').click()
    expect(rita.locator("main")).to_contain_text("second person")
    confirm(rita, f"{live.url}/cases/{case_id}")
    assert case_of(live, "ring:resale").state == "open", "it waits"
    assert states(live, RESALE) == before
    rita.goto("/approvals")
    assert rita.locator(f'form[action="/cases/{case_id}/approve"]').count() == 0

    lena.goto("/approvals")
    lena.locator(f'form[action="/cases/{case_id}/approve"] button').click()
    lena.wait_for_load_state()
    found = case_of(live, "ring:resale")
    assert (found.state, found.decided_by) == ("decided", "staff:rita")
    assert states(live, RESALE).count("revoked") == 1, "of the ring one unused coupon; the released member keeps hers"
    assert standing(live, "resale6") == "allow"
    assert standing(live, "resale5") == "revoke"

    lena.goto(f"/cases/{case_id}")
    lena.locator('form[action$="/undo"] select').select_option(index=1)
    lena.locator('form[action$="/undo"] button').click()
    lena.wait_for_load_state()
    assert states(live, RESALE) == before
    assert standing(live, "resale5") == "hold"
    exact(live)


@pytest.mark.requirement("F187")
def test_an_appeal_is_answered_by_somebody_else(live: Live, person: People) -> None:
    four_eyes(live, 10**9)
    rita, otto = person("rita", "reviewer"), person("otto", "reviewer")
    case_id = case_of(live, "user:newcomer").case_id
    take(rita, f"/cases/{case_id}")
    decide(rita, "3", "scripted_claims")
    assert standing(live, "newcomer") == "withhold"
    body = {"user_id": "newcomer", "text": "I live on the campus <b>and share</b> its network."}
    answer = live.call(live.shop.post("issuance", "/v1/appeals", body))
    assert answer.status_code == 201, answer.text
    rita.goto("/appeals")
    rita.locator("[data-main]").first.click()
    assert rita.locator('input[name="ruling"]').count() == 0, "not by who decided"
    otto.goto("/appeals")
    otto.locator("[data-main]").first.click()
    expect(otto.locator("blockquote").first).to_have_text("I live on the campus <b>and share</b> its network.")
    otto.locator('input[name="ruling"][value^="grant"]').first.check()
    otto.locator('form[action^="/appeals/"] textarea').first.fill("campus gateway, seen")
    otto.locator('form[action^="/appeals/"] button').last.click()
    otto.wait_for_load_state()
    assert standing(live, "newcomer") == "allow"
    exact(live)


def test_two_reviewers_who_race_for_a_case_never_both_decide_it(live: Live, person: People) -> None:
    four_eyes(live, 10**9)
    case_id = case_of(live, "ring:farm").case_id
    cookies = {name: live.cookie(name, "reviewer") for name in ("rita", "otto", "maja", "ivan")}

    def try_it(name: str) -> bool:
        """Open the page, and send both claim and judgement as fast as the server answers."""
        path = f"/cases/{case_id}"
        with httpx.Client(base_url=live.url, cookies={COOKIE: cookies[name]}, follow_redirects=True) as http:
            html = http.get(path).text
            if f'action="{path}/claim"' not in html:
                return False
            html = http.post(f"{path}/claim", data=hidden_of(html, f"{path}/claim")).text
            if f'action="{path}/preview"' not in html:
                return False
            fields = {"action": "block", "reason_code": "new_account_ring", "note": "", "other": ""}
            http.post(f"{path}/judge", data={**hidden_of(html, f"{path}/preview"), **fields})
            return True

    with ThreadPoolExecutor(4) as pool:
        took = list(pool.map(try_it, cookies))
    assert sum(took) == 1
    decided = case_of(live, "ring:farm")
    winner = list(cookies)[took.index(True)]
    assert (decided.state, decided.decided_by) == ("decided", f"staff:{winner}")
    exact(live)


def test_a_lease_that_is_over_loses_nothing_that_was_typed(live: Live, person: People) -> None:
    four_eyes(live, 10**9)
    rita, otto = person("rita", "reviewer"), person("otto", "reviewer")
    case_id = case_of(live, "ring:farm").case_id
    take(rita, f"/cases/{case_id}")
    live.clock.forward(minutes=16)
    take(otto, f"/cases/{case_id}")
    rita.locator('input[name="action"][value="block"]').check()
    rita.locator('select[name="reason_code"]').select_option("other_abuse")
    rita.locator('#decide textarea[name="note"]').fill("a long thought that must not be lost")
    rita.locator('#decide [data-key="p"]').click()
    rita.wait_for_load_state()
    if rita.locator('[data-key="y"]').count():
        rita.keyboard.press("y")
        rita.wait_for_load_state()
    expect(rita.locator("main")).to_contain_text("a long thought that must not be lost")
    found = case_of(live, "ring:farm")
    assert (found.state, found.lease_by) == ("open", "staff:otto")


def test_who_comes_second_is_told_so_and_the_next_case_is_a_key_away(live: Live, person: People) -> None:
    rita, otto = person("rita", "reviewer"), person("otto", "reviewer")
    case_id = case_of(live, "ring:farm").case_id
    otto.goto(f"/cases/{case_id}")
    take(rita, f"/cases/{case_id}")
    otto.keyboard.press("c")
    expect(otto.locator('[role="alert"]')).to_contain_text("Somebody else")
    assert otto.locator("#decide").count() == 0
    otto.keyboard.press("n")
    expect(otto.locator("#decide")).to_be_visible()
    assert case_id not in otto.url
    mine = select(cases.c.case_id).where(cases.c.lease_by == "staff:otto")
    held = live.shop.store.read(lambda connection: connection.execute(mine).scalars().all())
    assert [case_id for case_id in held if case_id in otto.url] == held


def test_a_link_opens_the_signed_in_console_once(live: Live, person: People) -> None:
    visitor = person("nobody", None)
    visitor.goto("/cases")
    expect(visitor).to_have_url(f"{live.url}/sign-in?to=/cases")
    visitor.locator('input[name="name"]').fill("rita")
    visitor.locator('input[type="password"]').fill("a guess of somebody")
    visitor.keyboard.press("Enter")
    expect(visitor.locator('[role="alert"]')).to_be_visible()
    link = welcome(live.shop.store, live.url)["reviewer"]
    visitor.goto(link)
    visitor.locator("main form button").first.click()
    visitor.wait_for_url("**/cases")
    expect(visitor.locator(".me")).to_contain_text("rita")
    again = person("somebody", None)
    again.goto(link)
    if again.locator("main form button").count():
        again.locator("main form button").first.click()
    assert "/sign-in" in again.url
    visitor.locator('form[action="/sign-out"] button').click()
    visitor.wait_for_url("**/sign-in**")
    visitor.goto("/cases")
    assert "/sign-in" in visitor.url
