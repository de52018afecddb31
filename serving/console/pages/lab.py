"""The rule lab: change thresholds, limits or named hubs, backtest, run as a shadow, promote with a second person."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.console.pages import lab_form, lab_shown
from serving.console.visitor import Visitor
from serving.review import rule_work as work
from serving.review.rule_change import OPEN, PROMOTABLE, REVISABLE, ROLLBACK, TESTABLE, RuleChange
from serving.review.rule_shadow import hits_by_day, runs_of, users_hit
from serving.review.rules import FIELDS, Rule, differences, live_rule, rule_of
from serving.store.unit import Answer, Command

PAGE = 50
_ROUTE = "/lab/{change_id}"


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    page = _Lab(desk)
    for path, handler, method in (
        ("/lab", page.overview, "GET"),
        ("/lab/new", page.new, "GET"),
        ("/lab/new", page.create, "POST"),
        ("/lab/back", page.back, "POST"),
        (_ROUTE, page.change, "GET"),
        (f"{_ROUTE}/state", page.state, "GET"),
        (f"{_ROUTE}/affected.csv", page.csv, "GET"),
        (f"{_ROUTE}/revise", page.edit, "GET"),
        (f"{_ROUTE}/revise", page.revise, "POST"),
        (f"{_ROUTE}/run", page.run, "POST"),
        (f"{_ROUTE}/shadow", page.shadow, "POST"),
        (f"{_ROUTE}/promote", page.promote, "POST"),
        (f"{_ROUTE}/reject", page.reject, "POST"),
        (f"{_ROUTE}/withdraw", page.withdraw, "POST"),
    ):
        app.add_api_route(path, handler, methods=[method], include_in_schema=False, response_class=Response,
                          response_model=None)  # fmt: skip


class _Lab:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settled = rule_of(desk.settings)

    # -- looking -----------------------------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        visitor = await self.desk.enter(request, "lab.read")
        return await self._overview(request, visitor, None, 200)

    async def _overview(self, request: Request, visitor: Visitor, refused: str | None, status: int) -> HTMLResponse:
        offset = query_of(request).whole("offset", 0, 1_000_000, 0)
        live, changes, versions = await self.desk.store.fetch(
            lambda c: (
                live_rule(c, self.desk.settings),
                work.changes_of(c, PAGE + 1, offset),
                work.versions_of(c),
            )
        )
        t, fmt = self.desk.texts(request), self.desk.formats(request)
        return self.desk.page(
            request, visitor, "lab.html", "nav.lab", status,
            fields=[(t(f"lab.field.{f.name}"), lab_shown.value(fmt, f.name, getattr(live, f.name)),
                     getattr(live, f.name) != getattr(self.settled, f.name)) for f in FIELDS],
            hubs=[lab_shown.hub_words(t, entry.data()) for entry in live.hubs],
            rows=[(change, self._words(t, fmt, change)) for change in changes[:PAGE]],
            more=len(changes) > PAGE, offset=offset, size=PAGE, versions=versions, refused=refused, person=_person,
        )  # fmt: skip

    async def change(self, request: Request, change_id: str) -> Response:
        visitor = await self.desk.enter(request, "lab.read")
        return await self._change(request, visitor, change_id, None, 200)

    async def _change(
        self, request: Request, visitor: Visitor, change_id: str, refused: str | None, status: int
    ) -> HTMLResponse:
        asked = query_of(request)
        way, offset = asked.choice("way", lab_shown.WAYS, ""), asked.whole("offset", 0, 10_000_000, 0)
        found, live, progress, hits, users, runs = await self.desk.store.fetch(
            lambda c: (
                work.find_change(c, change_id),
                live_rule(c, self.desk.settings),
                work.progress_of(c, change_id),
                hits_by_day(c, change_id),
                users_hit(c, change_id, PAGE),
                runs_of(c, change_id),
            )
        )
        if found is None:
            raise ProblemError("not_found")
        t, fmt = self.desk.texts(request), self.desk.formats(request)
        summary = found.summary
        listed = None
        if summary is not None:
            path = lab_shown.folder(self.desk.settings.home, found.change_id) / "affected.parquet"
            listed = lab_shown.accounts(path, way, offset, PAGE)
        return self.desk.page(
            request, visitor, "lab_change.html", "lab.change", status,
            change=found, lines=lab_shown.lines(t, fmt, found.differences), words=self._words(t, fmt, found),
            stale=found.state in PROMOTABLE and found.before != live, proven=found.proven,
            own=found.author == visitor.actor, person=_person, refused=refused,
            tiles=lab_shown.tiles(t, fmt, summary) if summary else [], summary=summary,
            drawing=lab_shown.drawing(t, summary) if summary else "",
            limits=lab_shown.limit_rows(summary) if summary else [],
            accounts=listed, way=way, ways=lab_shown.WAYS, offset=offset, size=PAGE,
            hits=hits, users=users, runs=runs,
            may={"revise": found.state in REVISABLE and found.kind != ROLLBACK,
                 "run": found.state in TESTABLE and found.kind != ROLLBACK,
                 "shadow": found.state == "tested" and found.kind != ROLLBACK,
                 "decide": found.state in PROMOTABLE, "withdraw": found.state in OPEN},
            **self._progress(found, progress),
        )  # fmt: skip

    async def state(self, request: Request, change_id: str) -> Response:
        """How far the backtest is, for the script that asks again."""
        visitor = await self.desk.enter(request, "lab.read")
        found, progress = await self.desk.store.fetch(
            lambda c: (work.find_change(c, change_id), work.progress_of(c, change_id))
        )
        if found is None:
            raise ProblemError("not_found")
        shown = self._progress(found, progress)
        return self.desk.part(request, visitor, "lab_state.html", change=found, **shown)

    async def csv(self, request: Request, change_id: str) -> Response:
        await self.desk.enter(request, "lab.read")
        found = await self._find(change_id)
        text = lab_shown.as_csv(lab_shown.folder(self.desk.settings.home, found.change_id) / "affected.parquet")
        if text is None:
            raise ProblemError("not_found")
        name = f'attachment; filename="{found.change_id}.csv"'
        return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})

    def _progress(self, found: RuleChange, progress: Any) -> dict[str, Any]:
        silent = progress is not None and progress.beat_at < self.desk.store.clock() - work.SILENT
        return {"progress": progress, "silent": silent, "busy": found.state in ("queued", "running"),
                "starter": self.desk.starter is not None}  # fmt: skip

    def _words(self, t: Any, fmt: Any, change: RuleChange) -> str:
        return lab_shown.sentence(t, fmt, change.differences)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def new(self, request: Request) -> Response:
        visitor = await self.desk.enter(request, "lab.write")
        live = await self.desk.store.fetch(lambda c: live_rule(c, self.desk.settings))
        draft = lab_form.prefilled(live, asked=query_of(request))
        return self._form(request, visitor, draft, live, "/lab/new", 200)

    async def create(self, request: Request) -> Response:
        visitor, form = await self.desk.posted(request, "lab.write")
        draft, live = await self._read(form, None)
        if draft.rule is None:
            return self._form(request, visitor, draft, live, "/lab/new", 422)
        command = work.draft(visitor.actor, draft.reason, draft.rule, self.settled)
        answer = await self.desk.write(visitor, form, "/lab/new", command)
        if answer.status >= 400:
            draft.errors["reason"] = self._refusal(request, answer)
            return self._form(request, visitor, draft, live, "/lab/new", answer.status)
        return self.desk.go(f"/lab/{answer.body['change_id']}", said="saved")

    async def edit(self, request: Request, change_id: str) -> Response:
        visitor = await self.desk.enter(request, "lab.write")
        found = await self._find(change_id)
        draft = lab_form.prefilled(found.after, found.reason)
        return self._form(request, visitor, draft, found.before, f"/lab/{change_id}/revise", 200)

    async def revise(self, request: Request, change_id: str) -> Response:
        visitor, form = await self.desk.posted(request, "lab.write")
        found = await self._find(change_id)
        draft, live = await self._read(form, found.after)
        to = f"/lab/{found.change_id}/revise"
        if draft.rule is None:
            return self._form(request, visitor, draft, live, to, 422)
        command = work.revise(found.change_id, visitor.actor, draft.reason, draft.rule, self.settled)
        answer = await self.desk.write(visitor, form, to, command)
        if answer.status >= 400:
            draft.errors["reason"] = self._refusal(request, answer)
            return self._form(request, visitor, draft, live, to, answer.status)
        return self.desk.go(f"/lab/{found.change_id}", said="saved")

    async def run(self, request: Request, change_id: str) -> Response:
        """Queue a backtest and begin it; for one that waits or fell silent, only begin."""
        visitor, form = await self.desk.posted(request, "lab.write")
        found = await self._find(change_id)
        if found.state not in ("queued", "running"):
            command = work.queue(found.change_id, visitor.actor, self.settled)
            answer = await self.desk.write(visitor, form, f"/lab/{found.change_id}/run", command)
            if answer.status >= 400:
                text = self._refusal(request, answer)
                return await self._change(request, visitor, found.change_id, text, answer.status)
        if self.desk.starter is not None:
            self.desk.starter.start("judge_rules")
        return self.desk.go(f"/lab/{found.change_id}")

    async def shadow(self, request: Request, change_id: str) -> Response:
        visitor, form = await self.desk.posted(request, "lab.write")
        command = work.shadow(change_id, visitor.actor, self.settled)
        return await self._done(request, visitor, form, change_id, "shadow", command)

    async def promote(self, request: Request, change_id: str) -> Response:
        visitor, form = await self.desk.posted(request, "lab.approve")
        command = work.promote(change_id, visitor.actor, _reason(form), self.settled)
        return await self._done(request, visitor, form, change_id, "promote", command)

    async def reject(self, request: Request, change_id: str) -> Response:
        visitor, form = await self.desk.posted(request, "lab.approve")
        command = work.reject(change_id, visitor.actor, _reason(form))
        return await self._done(request, visitor, form, change_id, "reject", command)

    async def withdraw(self, request: Request, change_id: str) -> Response:
        visitor, form = await self.desk.posted(request, "lab.write")
        command = work.withdraw(change_id, visitor.actor, _reason(form))
        return await self._done(request, visitor, form, change_id, "withdraw", command)

    async def back(self, request: Request) -> Response:
        """A change that brings the promoted rule before this one back; somebody else approves it."""
        visitor, form = await self.desk.posted(request, "lab.write")
        command = work.roll_back(visitor.actor, _reason(form), self.settled)
        answer = await self.desk.write(visitor, form, "/lab/back", command)
        if answer.status >= 400:
            return await self._overview(request, visitor, self._refusal(request, answer), answer.status)
        return self.desk.go(f"/lab/{answer.body['change_id']}", said="saved")

    # -- parts -------------------------------------------------------------------------------------------------------

    async def _done(
        self, request: Request, visitor: Visitor, form: Form, change_id: str, what: str, command: Command
    ) -> Response:
        found = await self._find(change_id)
        answer = await self.desk.write(visitor, form, f"/lab/{found.change_id}/{what}", command)
        if answer.status >= 400:
            text = self._refusal(request, answer)
            return await self._change(request, visitor, found.change_id, text, answer.status)
        return self.desk.go(f"/lab/{found.change_id}", said="saved")

    async def _find(self, change_id: str) -> RuleChange:
        found = await self.desk.store.fetch(lambda c: work.find_change(c, change_id))
        if found is None:
            raise ProblemError("not_found")
        return found

    async def _read(self, form: Form, before: Rule | None) -> tuple[lab_form.Draft, Rule]:
        today = self.desk.store.clock().replace(tzinfo=UTC).date()

        def look(c: Any) -> tuple[lab_form.Draft, Rule]:
            live = live_rule(c, self.desk.settings)
            return lab_form.read(form, live, before or live, c, self.desk.hasher, today), live

        return await self.desk.store.fetch(look)

    def _refusal(self, request: Request, answer: Answer) -> str:
        return self.desk.texts(request).pair(answer.body["detail"], answer.body["detail_zh"])

    def _form(
        self, request: Request, visitor: Visitor, draft: lab_form.Draft, live: Rule, action: str, status: int
    ) -> HTMLResponse:
        t, fmt = self.desk.texts(request), self.desk.formats(request)
        fields = [
            (of, lab_shown.value(fmt, of.name, getattr(live, of.name)), lab_form.bounds(of, fmt)) for of in FIELDS
        ]
        said = lab_shown.sentence(t, fmt, differences(live, draft.rule)) if draft.rule else ""
        return self.desk.page(
            request, visitor, "lab_form.html", "lab.new" if action == "/lab/new" else "lab.revise", status,
            draft=draft, fields=fields, action=action, said_diff=said, hub_words=lab_shown.hub_words,
        )  # fmt: skip


def _reason(form: Form) -> str:
    return form.text("reason", 500)


def _person(actor: str) -> str:
    """A name as people know it."""
    return actor.removeprefix("staff:")
