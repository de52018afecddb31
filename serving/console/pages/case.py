"""The page of one case: the evidence, the decision with a preview, and taking it back."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import Response

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.console.pages.case_form import OTHERS, QUICK, Typed, typed_of
from serving.console.pages.case_graph import drawing_of, shared_rows
from serving.console.pages.case_lines import LINES, days_of, history_of
from serving.console.pages.case_preview import preview_of
from serving.console.pages.case_view import PAGE, find, view_of
from serving.console.visitor import Visitor
from serving.coupons.refusals import CATALOGUE, Refuse
from serving.review.case import DECIDED, OPEN, Case
from serving.review.codes import REASON_CODES, UNDO_CODES
from serving.review.codes import words_of as reason_words
from serving.review.decide import judge
from serving.review.judgement import ACTIONS, MOST_NOTE
from serving.review.undo import undo
from serving.review.work import claim


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    pages = _Pages(desk)
    for path, handler, method in (
        ("/cases/{case_id}", pages.show, "GET"),
        ("/cases/{case_id}", pages.change, "POST"),
        ("/cases/{case_id}/preview", pages.preview, "POST"),
        ("/cases/{case_id}/judge", pages.judge, "POST"),
        ("/cases/{case_id}/undo", pages.undo, "POST"),
    ):
        app.add_api_route(path, handler, methods=[method], include_in_schema=False, response_model=None)


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request, case_id: str) -> Response:
        visitor = await self._desk.enter(request, "cases.read")
        asked = query_of(request)
        refused = asked.one("refused")  # why a button of this page did nothing
        return await self._drawn(request, visitor, case_id, asked, wrong=refused if refused in CATALOGUE else "")

    async def change(self, request: Request, case_id: str) -> Response:
        """The page with the form as it was filled: back from the preview, or to take the case in hand once more."""
        visitor, form = await self._desk.posted(request, "cases.decide")
        case = await self._case(visitor, case_id)
        typed = typed_of(form, case.users)
        if form.one("take"):
            command = claim(case_id, visitor.actor, self._desk.settings.console.lease_minutes)
            answer = await self._desk.write(visitor, form, f"/cases/{case_id}/take", command)
            if answer.status >= 400:
                return await self._drawn(request, visitor, case_id, form, typed, str(answer.body["code"]), 409)
        return await self._drawn(request, visitor, case_id, form, typed)

    async def preview(self, request: Request, case_id: str) -> Response:
        visitor, form = await self._desk.posted(request, "cases.decide")
        desk, settings = self._desk, self._desk.settings
        case = await self._case(visitor, case_id)
        typed = typed_of(form, case.users)
        now = desk.store.clock()
        code = _not_now(case, visitor, typed, now)
        if code is not None:
            return await self._drawn(request, visitor, case_id, form, typed, code, 409)
        try:
            judgement = typed.judgement()
        except InputError as error:
            return await self._drawn(request, visitor, case_id, form, typed, f"case.wrong.{error.field}", 422)
        found = await desk.store.fetch(
            lambda connection: preview_of(
                connection, case, judgement, now, settings.shop.timezone, settings.console.four_eyes_cents
            )
        )
        return desk.page(
            request, visitor, "case_preview.html", "case.preview", view=found, typed=typed, case=case,
            at=_address(case_id), page=form.one("page"), reason=reason_words(judgement.reason_code),
        )  # fmt: skip

    async def judge(self, request: Request, case_id: str) -> Response:
        visitor, form = await self._desk.posted(request, "cases.decide")
        case = await self._case(visitor, case_id)
        typed = typed_of(form, case.users)
        try:
            command = judge(case_id, visitor.actor, typed.judgement(), self._desk.settings.console.four_eyes_cents)
        except InputError as error:
            return await self._drawn(request, visitor, case_id, form, typed, f"case.wrong.{error.field}", 422)
        answer = await self._desk.write(visitor, form, f"/cases/{case_id}/judge", command)
        if answer.status >= 400:
            return await self._drawn(request, visitor, case_id, form, typed, str(answer.body["code"]), 409)
        return self._desk.go(_address(case_id), said=f"case.{answer.body['state']}")

    async def undo(self, request: Request, case_id: str) -> Response:
        visitor, form = await self._desk.posted(request, "cases.decide")
        await self._case(visitor, case_id)
        typed = Typed(reason_code=form.one("reason_code"), note=form.one("note"))
        try:
            command = undo(case_id, visitor.actor, typed.reason_code, typed.note)
        except InputError as error:
            return await self._drawn(request, visitor, case_id, form, typed, f"case.wrong.{error.field}", 422)
        answer = await self._desk.write(visitor, form, f"/cases/{case_id}/undo", command)
        if answer.status >= 400:
            return await self._drawn(request, visitor, case_id, form, typed, str(answer.body["code"]), 409)
        return self._desk.go(_address(case_id), said="case.undone")

    async def _case(self, visitor: Visitor, case_id: str) -> Case:
        found = await self._desk.store.fetch(lambda connection: find(connection, case_id, visitor.actor))
        if found is None:
            raise ProblemError("not_found")
        return found

    async def _drawn(
        self, request: Request, visitor: Visitor, case_id: str, asked: Form, typed: Typed | None = None,
        wrong: str = "", status: int = 200,
    ) -> Response:  # fmt: skip
        """The page; ``wrong`` is the key of a text or the code of a refusal, said beside a form that lost nothing."""
        desk, now = self._desk, self._desk.store.clock()
        timezone = desk.settings.shop.timezone
        number = asked.one("page")
        offset = (int(number) - 1) * PAGE if number.isdecimal() and 0 < int(number[:6]) < 100_000 else 0
        view = await desk.store.fetch(
            lambda connection: view_of(connection, case_id, visitor.actor, now, timezone, offset)
        )
        if view is None:
            raise ProblemError("not_found")
        t = desk.texts(request)
        rows = shared_rows(view.evidence)
        who = asked.one("who")
        told = [line for line in view.evidence.timeline if not who or line.user_id == who]
        case, holder = view.case, view.case.holder(now)
        message = (t(wrong) if "." in wrong else Refuse(wrong).text(t.language)) if wrong else ""
        return desk.page(
            request, visitor, "case.html", "case.title", status,
            view=view, case=case, evidence=view.evidence, at=_address(case_id), now=now, typed=typed or Typed(),
            wrong=message, kept=typed is not None, zone=timezone,
            rows=rows, drawing=drawing_of(view.evidence, rows, t, ""),
            days=days_of(told[:LINES], desk.zone), cut=len(told) > LINES or view.evidence.timeline_cut, who=who,
            due=case.opened_at + timedelta(hours=desk.settings.console.sla_hours),
            holder=holder, mine=holder == visitor.actor, open=case.state == OPEN, decided=case.state == DECIDED,
            may_decide=visitor.may("cases.decide") and holder == visitor.actor and case.proposal is None,
            may_answer=visitor.may("cases.approve") and visitor.actor not in (case.proposed_by, case.not_by),
            quick=QUICK, others=OTHERS, actions=ACTIONS, codes=REASON_CODES, undo_codes=UNDO_CODES,
            reason_words=reason_words, most_note=MOST_NOTE, page=view.offset // PAGE + 1,
            pages=-(-len(case.flags) // PAGE), per=PAGE, history=history_of(view.evidence.history, t),
        )  # fmt: skip


def _address(case_id: str) -> str:
    return f"/cases/{quote(case_id, safe='')}"


def _not_now(case: Case, visitor: Visitor, typed: Typed, now: datetime) -> str | None:
    """Why the decision could not be made now: the preview says so before anybody reads it."""
    if case.state == DECIDED:
        return "case_decided"
    if case.proposal is not None:
        return "case_proposed"
    holder = case.holder(now)
    if holder != visitor.actor:
        return "lease_over" if holder is None else "case_leased"
    return "case_changed" if typed.seen and typed.seen != str(len(case.flags)) else None
