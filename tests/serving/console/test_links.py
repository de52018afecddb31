"""Every link that a page shows leads somewhere: all pages of each role are walked, from the menu on."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from fakes import busy_shop
from fakes.console import sign_in

_MOST = 150  # pages of one kind say the same: one of each shape of address is enough


def shape(path: str) -> str:
    """The address without its ids: ``/cases/case_01…`` and another case are one page."""
    return re.sub(r"(case|cpn|dec|evt|lst|apl|chg)_[0-9a-z]+", r"\1", re.sub(r"[0-9a-f]{12,}", "#", path))


@pytest.mark.parametrize("role", ["reviewer", "lead", "operator", "analyst", "admin"])
async def test_no_link_is_dead(small_shop: Any, role: str) -> None:
    await busy_shop.fill(small_shop)
    person = await sign_in(small_shop, "p", role)
    waiting, seen, dead = ["/"], set[str](), []
    while waiting and len(seen) < _MOST:
        path = waiting.pop(0)
        if shape(path) in seen:
            continue
        seen.add(shape(path))
        answer = await person.get(path)
        if answer.status_code != 200:
            dead.append((path, answer.status_code))
            continue
        if "text/html" in answer.headers["content-type"]:
            found = re.findall(r'<a[^>]*\shref="(/[^"#]*)', answer.text)
            waiting += [html.unescape(link) for link in found if not link.startswith("/prefer")]
    assert dead == []
    assert len(seen) > 8
