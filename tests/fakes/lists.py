"""A shop whose lists are written as the console writes them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from serving.privacy import Hasher
from serving.review.list_hits import NOBODY, Hits
from serving.review.list_work import Draft, add, prolong, remove
from serving.review.lists import value_of
from serving.store.unit import Answer, Command, Request

# A public address: those of the documentation (203.0.113.0/24) are reserved and link nobody.
IP, NEIGHBOUR, ELSEWHERE = "93.184.216.7", "93.184.216.99", "93.185.1.1"
DEVICE, ADDRESS, PHONE = "phone-7f3a", "1 Long Street, flat 2", "13800138000"


class Lists:
    """Puts entries on the lists of a shop and takes them off."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.hasher = Hasher(shop.settings.risk.key)
        self._numbers = itertools.count(1)

    def write(self, command: Command, by: str = "staff:rita") -> Answer:
        key = f"list-{next(self._numbers)}"
        return self.shop.store.write(Request(by, key, "lists", key), command)

    def draft(self, name: str, kind: str, raw: str, hits: Hits = NOBODY, **length: float) -> Draft:
        expires = self.shop.clock() + timedelta(**(length or {"days": 30}))
        return Draft(name, value_of(kind, raw, self.hasher), "rita", "ring of newcomers", expires, hits)

    def add(self, name: str, kind: str, raw: str, **length: float) -> str:
        answer = self.write(add(self.draft(name, kind, raw, **length), "staff:rita", lead=True))
        assert answer.status == 201, answer
        return str(answer.body["entry_id"])

    def remove(self, entry_id: str) -> Answer:
        return self.write(remove(entry_id, "no longer needed"))

    def prolong(self, entry_id: str, **length: float) -> Answer:
        return self.write(prolong(entry_id, self.shop.clock() + timedelta(**length), "still at it", lead=True))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def require_inert(html: str) -> None:
    """Nothing on the page runs but our own files: no inline script, no handler, nothing that a text brought in."""
    tags = _Tags()
    tags.feed(html)
    for tag, attributes in tags.found:
        assert tag not in ("img", "svg", "iframe", "object"), tag
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/"), attributes
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        assert not (attributes.get("href") or "").lower().startswith("javascript:"), attributes
