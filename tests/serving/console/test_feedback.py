"""The feedback page: what is shown, to whom, and the verdicts as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from fakes.console import sign_in
from sqlalchemy import select

from serving.review.audit_slice import draw
from serving.review.case import Flag
from serving.review.push import put_flags
from serving.review.second_looks import open_second_looks
from serving.review.upkeep import Upkeep
from serving.review.work import Judgement, claim, judge
from serving.store.schema import cases, events
from serving.store.unit import Request


def write(shop: Any, command: Any) -> Any:
    key = shop.store.ids("key")
    answer = shop.store.write(Request("test", key, "test", key), command)
    assert answer.status == 200, answer.body
    return answer


def judged(shop: Any, user_id: str, by: str, judgement: Judgement) -> None:
    put_flags(shop.store, [Flag(user_id, 0.9, "hold")])
    query = cases.select().where(cases.c.state == "open", cases.c.subject == f"user:{user_id}")
    row = shop.store.read(lambda connection: connection.execute(query).one())
    write(shop, claim(row.case_id, by, 5))
    write(shop, judge(row.case_id, by, judgement, 10**12))


GUILTY = Judgement("abusive", "withhold", "resale", "", {})


async def test_an_empty_desk_says_what_is_not_known(small_shop: Any) -> None:
    lena = await sign_in(small_shop, "lena", "lead")
    html = (await lena.get("/feedback")).text
    assert html.count("not known yet") >= 3
    assert "No redemption has been drawn from yet." in html
    assert "Nobody differs so far." in html
    assert "No verdict yet." in html


async def test_verdicts_are_shown_and_downloaded_without_formulas(small_shop: Any) -> None:
    judged(small_shop, "=cmd|calc", "staff:rita", GUILTY)
    lena = await sign_in(small_shop, "lena", "lead", "zh")
    html = (await lena.get("/feedback")).text
    assert "=cmd|calc" in html
    assert "作弊" in html
    answer = await lena.get("/feedback/verdicts.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["user_id", "decided_at", "verdict", "source", "reviewer"]
    assert rows[1][0] == "'=cmd|calc"
    assert rows[1][2:] == ["abusive", "reviewer", "staff:rita"]
    exported = [event for event in await _kinds(small_shop) if event == "audit.exported"]
    assert len(exported) == 1


@pytest.mark.parametrize("role", ["reviewer", "operator"])
async def test_who_judges_does_not_see_how_well(small_shop: Any, role: str) -> None:
    person = await sign_in(small_shop, "p", role)
    assert (await person.get("/feedback")).status_code == 403
    assert (await person.get("/feedback/verdicts.csv")).status_code == 403


async def test_a_round_of_upkeep_draws_and_opens(small_shop: Any) -> None:
    judged(small_shop, "u1", "staff:rita", GUILTY)
    settings = small_shop.settings.console.model_copy(update={"audit_share": 0.1, "second_look_share": 1.0})
    upkeep = Upkeep(small_shop.store, settings, "a secret of sixteen")
    assert await upkeep.once() == {"drawn": 0, "opened": 1}
    assert await upkeep.once() == {"drawn": 0, "opened": 0}
    async with upkeep.running():
        pass


async def test_two_people_who_differ_are_named(small_shop: Any) -> None:
    judged(small_shop, "u1", "staff:rita", GUILTY)
    write(small_shop, open_second_looks(1.0, b"key"))
    query = cases.select().where(cases.c.source == "second")
    look = small_shop.store.read(lambda connection: connection.execute(query).one())
    write(small_shop, claim(look.case_id, "staff:otto", 5))
    write(small_shop, judge(look.case_id, "staff:otto", Judgement("legitimate", "allow", "household", "", {}), 10**12))
    lena = await sign_in(small_shop, "lena", "lead")
    html = (await lena.get("/feedback")).text
    assert "staff:otto" in html
    assert "0.0%" in html
    write(small_shop, draw(0.0, b"key"))


async def _kinds(shop: Any) -> list[str]:
    return list(shop.store.read(lambda connection: connection.execute(select(events.c.kind)).scalars().all()))
