"""Block and allow lists: who is on them, who would be hit, and how an entry is added, prolonged and removed.

Adding takes two steps: a value is typed (or comes as a hash from a case page), the page says who was seen on it, and
only then it is saved. What was typed is hashed in the first step and goes no further; the second form carries what was
found under a seal of this installation.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.console.pages.lists_form import draft_of, expiry_of, filled, reason_of, sealed, today_of
from serving.console.visitor import Visitor
from serving.review.evidence.mask import mask
from serving.review.list_hits import Hits, addresses_of, counts_now, hits_of, network_hits
from serving.review.list_views import STATES, Wanted, counts_of, entries_of, find_entry
from serving.review.list_work import SETTLED_NEEDS_LEAD, needs_lead, prolong, remove
from serving.review.list_work import add as add_entry
from serving.review.lists import KINDS, LISTS, LONGEST, Entry, Value, hashed_value, network_of, value_of
from serving.store.unit import Answer

ROWS = 50
READ, WRITE, LEAD = "lists.read", "lists.write", "cases.approve"


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of the lists."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    @app.get("/lists", **page)
    async def show(request: Request) -> Response:
        return await _show(desk, request, await desk.enter(request, READ), query_of(request))

    @app.post("/lists/check", **page)
    async def check(request: Request) -> Response:
        visitor, form = await desk.posted(request, WRITE)
        try:
            value = _value(desk, form)
            wanted = filled(form, value, desk.zone, desk.store.clock())
        except InputError as error:
            return await _show(desk, request, visitor, form, wrong=error.field, status=422)
        hits = await _hits(desk, form, value)
        lead = needs_lead(wanted.list, value.kind, hits) and not visitor.may(LEAD)
        return desk.page(
            request, visitor, "lists_check.html", "lists.check", wanted=wanted, hits=hits, lead=lead,
            most=SETTLED_NEEDS_LEAD, seal=sealed(desk.settings.risk.key, visitor.name, wanted, hits), mask=mask,
        )  # fmt: skip

    @app.post("/lists", **page)
    async def save(request: Request) -> Response:
        visitor, form = await desk.posted(request, WRITE)
        draft = draft_of(desk.settings.risk.key, visitor.name, form.one("seal"))
        command = add_entry(draft, visitor.actor, lead=visitor.may(LEAD))
        answer = await desk.write(visitor, form, "/lists", command)
        if answer.status >= 400:
            return await _show(desk, request, visitor, Form({}), refused=answer)
        return desk.go(f"/lists/{answer.body['entry_id']}", said="lists_added")

    @app.get("/lists/{entry_id}", **page)
    async def one(request: Request, entry_id: str) -> Response:
        return await _one(desk, request, await desk.enter(request, READ), entry_id)

    @app.post("/lists/{entry_id}/prolong", **page)
    async def longer(request: Request, entry_id: str) -> Response:
        visitor, form = await desk.posted(request, WRITE)
        now = desk.store.clock()
        command = prolong(entry_id, expiry_of(form, desk.zone, now), reason_of(form), lead=visitor.may(LEAD))
        answer = await desk.write(visitor, form, f"/lists/{entry_id}/prolong", command)
        return await _after(request, visitor, entry_id, answer, "lists_prolonged")

    @app.post("/lists/{entry_id}/remove", **page)
    async def off(request: Request, entry_id: str) -> Response:
        visitor, form = await desk.posted(request, WRITE)
        answer = await desk.write(visitor, form, f"/lists/{entry_id}/remove", remove(entry_id, reason_of(form)))
        return await _after(request, visitor, entry_id, answer, "lists_removed")

    async def _after(request: Request, visitor: Visitor, entry_id: str, answer: Answer, said: str) -> Response:
        if answer.status >= 400:
            return await _one(desk, request, visitor, entry_id, answer)
        return desk.go(f"/lists/{entry_id}", said=said)


async def _show(
    desk: Desk,
    request: Request,
    visitor: Visitor,
    form: Form,
    *,
    wrong: str = "",
    refused: Answer | None = None,
    status: int = 200,
) -> Response:
    """The page with what ``form`` asks to see or has typed so far; never what was typed as a value."""
    asked = query_of(request)
    wanted = Wanted(
        asked.choice("state", STATES, "active"),
        asked.choice("only", LISTS, "") if asked.one("only") else "",
        asked.choice("of", KINDS, "") if asked.one("of") else "",
        asked.text("owner", 80),
    )
    place = asked.whole("page", 0, 10_000, 0)
    now = desk.store.clock()
    entries = await desk.store.fetch(lambda c: entries_of(c, wanted, now, ROWS + 1, place * ROWS))
    counts = await desk.store.fetch(lambda c: counts_of(c, wanted, now))
    exact = [(entry.kind, entry.value) for entry in entries[:ROWS] if entry.prefix is None]
    seen = await desk.store.fetch(lambda c: counts_now(c, exact))
    today = today_of(now, desk.zone)
    return desk.page(
        request, visitor, "lists.html", "nav.lists", refused.status if refused is not None else status,
        entries=entries[:ROWS], more=len(entries) > ROWS, place=place, counts=counts, seen=seen, wanted=wanted,
        states=STATES, lists=LISTS, kinds=KINDS, now=now, mask=mask, wrong=wrong, refused=refused, typed=_typed(form),
        first=today, last=today + LONGEST - timedelta(days=1), default=today + timedelta(days=90),
    )  # fmt: skip


async def _one(
    desk: Desk, request: Request, visitor: Visitor, entry_id: str, refused: Answer | None = None
) -> Response:
    now = desk.store.clock()
    entry = await desk.store.fetch(lambda c: find_entry(c, entry_id))
    if entry is None:
        raise ProblemError("not_found")
    found: Entry = entry  # for the closures below
    hits = None
    if found.prefix is None:
        hits = await desk.store.fetch(lambda c: hits_of(c, found.kind, found.value, now))
    today = today_of(now, desk.zone)
    return desk.page(
        request, visitor, "lists_entry.html", "lists.entry", refused.status if refused is not None else 200,
        entry=found, state=found.state(now), hits=hits, mask=mask, refused=refused,
        first=today, last=today + LONGEST - timedelta(days=1), default=today + timedelta(days=90),
    )  # fmt: skip


def _value(desk: Desk, form: Form) -> Value:
    kind = form.choice("kind", KINDS)
    given = form.one("value")
    return hashed_value(kind, given) if given else value_of(kind, form.one("raw"), desk.hasher)


async def _hits(desk: Desk, form: Form, value: Value) -> Hits:
    now = desk.store.clock()
    if value.prefix is None:
        return await desk.store.fetch(lambda c: hits_of(c, value.kind, value.value, now))
    network = network_of(form.one("raw"))
    if network is None:
        raise InputError("raw", "another value", "the value that was checked")
    hashes = await asyncio.to_thread(lambda: list(addresses_of(network, desk.hasher)))
    return await desk.store.fetch(lambda c: network_hits(c, hashes, now))


def _typed(form: Form) -> dict[str, str]:
    """What a link or an earlier try has filled in already; a value only as a hash."""
    kind = form.one("kind")
    typed = {name: form.one(name)[:500] for name in ("list", "reason", "expires", "case")}
    typed |= {
        "kind": kind if kind in KINDS else "",
        "owner": form.one("owner")[:80] if form.one("csrf") else "",
        "value": "",
    }
    if kind in KINDS and (given := form.one("value")):
        try:
            typed["value"] = hashed_value(kind, given).value
        except InputError:
            typed["value"] = ""
    return typed
