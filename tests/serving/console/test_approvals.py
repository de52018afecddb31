"""Approvals: what waits, who may answer, and what the proposer is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fakes.cases import case_of, do, judgement, open_cases
from fakes.console import Browser, sign_in

from serving.review.case import Flag
from serving.review.flags import standing_of
from serving.review.push import put_flags
from serving.review.work import claim, judge


@pytest.fixture
def case_id(small_shop: Any) -> str:
    """A proposal of Rita's to block a ring."""
    put_flags(small_shop.store, [Flag(user, 0.9, "withhold", (), "R1") for user in ("a", "b")])
    (case,) = small_shop.store.read(open_cases)
    do(small_shop.store, "staff:rita", claim(case.case_id, "staff:rita", 15))
    proposal = judgement("abusive", "block", note="<i>sure</i>", members={"b": ("legitimate", "allow")})
    do(small_shop.store, "staff:rita", judge(case.case_id, "staff:rita", proposal, 0))
    return case.case_id


async def test_a_lead_sees_what_waits_and_approves(small_shop: Any, case_id: str) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    page = (await lead.get("/approvals")).text
    for word in ("Ring R1", "Block", "rita", "1 accounts otherwise", "&lt;i&gt;sure&lt;/i&gt;", 'href="/lab"'):
        assert word in page
    answer = await lead.send("/approvals", f"/cases/{case_id}/approve")
    assert "Approved" in answer.text
    assert 'class="empty"' in answer.text
    case = case_of(small_shop.store, case_id)
    assert (case.decided_by, case.approved_by) == ("staff:rita", "staff:lena")
    assert small_shop.store.read(lambda c: [standing_of(c, user) for user in "ab"]) == ["block", "allow"]


async def test_declining_needs_a_note(small_shop: Any, case_id: str) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    assert (await lead.send("/approvals", f"/cases/{case_id}/decline", note=" ")).status_code == 422
    await lead.send("/approvals", f"/cases/{case_id}/decline", note="a family")
    case = case_of(small_shop.store, case_id)
    assert case.proposal is None
    assert case.declined is not None
    assert (case.declined.note, case.declined.proposer) == ("a family", "staff:rita")


async def test_nobody_approves_their_own_and_reviewers_only_look(small_shop: Any, case_id: str) -> None:
    own = await sign_in(small_shop, "rita", "lead")
    page = (await own.get("/approvals")).text
    assert f"/cases/{case_id}/approve" not in page
    assert "somebody else answers" in page

    async def answers(browser: Browser) -> Any:
        token = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/approvals")).text)
        assert token is not None
        data = {"csrf": token.group(1), "key": "2" * 32}
        return await browser.client.post(f"/cases/{case_id}/approve", data=data, follow_redirects=False)

    assert (await answers(own)).headers["location"] == f"/cases/{case_id}?refused=case_not_yours"
    assert (await answers(await sign_in(small_shop, "sam", "reviewer"))).status_code == 403
    assert case_of(small_shop.store, case_id).proposal is not None


async def test_an_empty_page_says_so(small_shop: Any) -> None:
    page = (await (await sign_in(small_shop, "lena", "lead")).get("/approvals")).text
    assert "Nothing waits for a second person" in page
