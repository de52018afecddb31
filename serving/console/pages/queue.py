"""The queue of cases: lists with filters that are links, saved views, and taking a case in hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.console.visitor import Visitor
from serving.review.judgement import ACTIONS
from serving.review.queue import KINDS, SORTS, TABS, Filters, Page, counts, next_cases, page_of, sources
from serving.review.views import MOST_NAME, View, delete_view, save_view, views_of
from serving.review.work import claim, let_go, snooze, take
from serving.store.unit import Answer, Command

ROWS = 50
READ, DECIDE = "cases.read", "cases.decide"
_FIELDS = ("tab", "sort", "q", "source", "kind", "action", "score", "amount")
_MOST_HOURS = 24 * 90


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of the queue, and of what is done with a case before its verdict."""
    pages = _Queue(desk)
    for path, handler, method in (
        ("/cases", pages.show, "GET"),
        ("/cases/next", pages.next, "POST"),
        ("/cases/views", pages.save, "POST"),
        ("/cases/views/{view_id}/delete", pages.forget, "POST"),
        ("/cases/{case_id}/claim", pages.claim, "POST"),
        ("/cases/{case_id}/let-go", pages.let_go, "POST"),
        ("/cases/{case_id}/snooze", pages.snooze, "POST"),
    ):
        app.add_api_route(
            path, handler, methods=[method], include_in_schema=False, response_class=HTMLResponse, response_model=None
        )


class _Queue:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        desk, visitor = self._desk, await self._desk.enter(request, READ)
        asked, now = query_of(request), self._desk.store.clock()
        filters, place = filters_of(asked, visitor), asked.whole("page", 0, 100_000, 0)

        def read(connection: Connection) -> tuple[Page, dict[str, int], list[str], list[View]]:
            return (
                page_of(connection, filters, now, ROWS, place * ROWS),
                counts(connection, visitor.actor, now),
                sources(connection),
                views_of(connection, visitor.actor),
            )

        found, numbers, known, views = await desk.store.fetch(read)
        query = _query_of(asked)
        return desk.page(
            request, visitor, "queue.html", "nav.queue", filters=filters, asked=asked, found=found, counts=numbers,
            sources=known, views=views, place=place, more=(place + 1) * ROWS < found.total, now=now, tabs=TABS,
            sorts=SORTS, kinds=KINDS, actions=ACTIONS, most_name=MOST_NAME, query=urlencode(query),
            sla=timedelta(hours=desk.settings.console.sla_hours), can=visitor.may(DECIDE),
            wrong=asked.choice("wrong", ("name", "full", "none"), ""),
            tab_link=lambda tab: _link({**query, "tab": tab}), sort_link=lambda sort: _link({**query, "sort": sort}),
            page_link=lambda page: _link({**query, "page": str(page)}), filtered=bool(set(query) - {"tab", "sort"}),
            current=query,
        )  # fmt: skip

    async def next(self, request: Request) -> Response:
        """The best case that nobody has in hand; two who ask at once get two."""
        desk = self._desk
        visitor, form = await desk.posted(request, DECIDE)
        filters, now = replace(filters_of(form, visitor), tab="open"), desk.store.clock()
        best = await desk.store.fetch(lambda connection: next_cases(connection, filters, now, after=form.one("after")))
        command = take(best, visitor.actor, desk.settings.console.lease_minutes)
        answer = await desk.write(visitor, form, "/cases/next", command)
        found = answer.body.get("case_id")
        if found is None:
            return desk.go(_link({**_query_of(form), "wrong": "none"}))
        return desk.go(_case(found))

    async def save(self, request: Request) -> Response:
        """Keep the filters of the page under a name."""
        visitor, form = await self._desk.posted(request, READ)
        query = dict(parse_qsl(form.text("query", 1000)))
        kept = {name: query[name] for name in _FIELDS if query.get(name)}
        try:
            command = save_view(visitor.actor, form.one("name"), urlencode(kept))
        except InputError:
            return self._desk.go(_link({**kept, "wrong": "name"}))
        answer = await self._desk.write(visitor, form, "/cases/views", command)
        return self._desk.go(_link({**kept, "wrong": "full"}) if answer.status >= 400 else _link(kept))

    async def forget(self, request: Request, view_id: str) -> Response:
        visitor, form = await self._desk.posted(request, READ)
        command = delete_view(visitor.actor, view_id)
        answer = await self._desk.write(visitor, form, f"/cases/views/{view_id}/delete", command)
        if answer.status >= 400:
            raise ProblemError("not_found")
        return self._desk.go("/cases")

    async def claim(self, request: Request, case_id: str) -> Response:
        minutes = self._desk.settings.console.lease_minutes
        visitor, form = await self._desk.posted(request, DECIDE)
        return await self._done(visitor, form, case_id, "claim", claim(case_id, visitor.actor, minutes), _case(case_id))

    async def let_go(self, request: Request, case_id: str) -> Response:
        visitor, form = await self._desk.posted(request, DECIDE)
        return await self._done(visitor, form, case_id, "let-go", let_go(case_id, visitor.actor), "/cases")

    async def snooze(self, request: Request, case_id: str) -> Response:
        visitor, form = await self._desk.posted(request, DECIDE)
        until = self._end(form)
        command = snooze(case_id, visitor.actor, until, form.text("reason", 200))
        return await self._done(visitor, form, case_id, "snooze", command, "/cases")

    async def _done(self, visitor: Visitor, form: Form, case_id: str, what: str, command: Command, to: str) -> Response:
        answer: Answer = await self._desk.write(visitor, form, f"/cases/{case_id}/{what}", command)
        if answer.status == 404:
            raise ProblemError("not_found")
        if answer.status >= 400:
            return self._desk.go(_case(case_id), refused=str(answer.body["code"]))
        return self._desk.go(to, said=f"queue_{what.replace('-', '_')}")

    def _end(self, form: Form) -> datetime:
        """When a snooze is over: after some ``hours``, or ``until`` a day or moment of the shop."""
        if form.one("hours"):
            return self._desk.store.clock() + timedelta(hours=form.whole("hours", 1, _MOST_HOURS))
        try:
            return _utc(datetime.fromisoformat(form.one("until")), self._desk.zone)
        except (ValueError, OverflowError) as error:
            raise InputError("until", form.one("until")[:40], "a day or a moment such as 2026-05-01T12:00") from error


def filters_of(asked: Form, visitor: Visitor) -> Filters:
    """The filters of a link or form; ``score`` is a percentage, ``amount`` whole units of the shop's currency. Raises
    ``InputError`` for what no page of ours sends."""
    return Filters(
        visitor.actor,
        asked.choice("tab", TABS, "open"),
        asked.choice("sort", SORTS, "loss"),
        asked.text("q", 120),
        asked.text("source", 80),
        asked.choice("kind", KINDS, ""),
        asked.choice("action", ACTIONS, ""),
        asked.whole("score", 0, 100, 0) / 100,
        asked.whole("amount", 0, 10**9, 0) * 100,
    )


def _utc(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return local.astimezone(UTC).replace(tzinfo=None)


def _query_of(asked: Form) -> dict[str, Any]:
    return {name: asked.one(name) for name in _FIELDS if asked.one(name)}


def _link(query: dict[str, Any]) -> str:
    return f"/cases?{urlencode(query)}" if query else "/cases"


def _case(case_id: str) -> str:
    return f"/cases/{quote(case_id, safe='')}"
