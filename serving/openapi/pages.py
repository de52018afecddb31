"""``/problems`` and ``/problems/{code}``: what a problem's ``type`` leads to, as JSON or a page in two languages."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from serving.api.problems import PROBLEMS, ProblemError, title
from serving.coupons.refusals import CATALOGUE
from serving.openapi.describe import texts

Code = Annotated[str, Path(max_length=40, pattern="^[a-z][a-z0-9_]*$")]
_NOTHING_RUNS = {"Content-Security-Policy": "default-src 'none'"}


class ProblemPage(BaseModel):
    """A code with its status and its texts; ``{amount}`` stands for money that is still missing."""

    type: str
    code: str
    title: str
    status: int
    detail: str
    detail_zh: str


class ProblemPages(BaseModel):
    """All codes by name."""

    data: list[ProblemPage]
    has_more: bool


def add_problem_pages(app: FastAPI) -> None:
    """Serve the pages; every app has them, so that the relative ``type`` leads somewhere wherever it was met."""

    @app.get(
        "/problems", tags=["problems"], summary="List problems", response_model=None, responses=_either(ProblemPages)
    )
    async def problems(request: Request) -> Response:
        """Every problem and refusal."""
        pages = [page_of(code) for code in sorted({*PROBLEMS, *CATALOGUE})]
        return _answer(request, pages, ProblemPages(data=pages, has_more=False))

    @app.get(
        "/problems/{code}",
        tags=["problems"],
        summary="Get a problem",
        response_model=None,
        responses=_either(ProblemPage),
    )
    async def problem(request: Request, code: Code) -> Response:
        """One problem or refusal: its status and what it says."""
        if code not in PROBLEMS and code not in CATALOGUE:
            raise ProblemError("not_found")
        return _answer(request, [page_of(code)], page_of(code))


def page_of(code: str) -> ProblemPage:
    status, en, zh = texts(code)
    return ProblemPage(type=f"/problems/{code}", code=code, title=title(code), status=status, detail=en, detail_zh=zh)


def _answer(request: Request, pages: list[ProblemPage], data: BaseModel) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_html(pages), headers=_NOTHING_RUNS)
    return Response(data.model_dump_json(), media_type="application/json")


def _html(pages: list[ProblemPage]) -> str:
    entries = "".join(
        f'<dt id="{escape(page.code)}"><code>{escape(page.code)}</code> {page.status}</dt>'
        f'<dd>{escape(page.detail)}</dd><dd lang="zh">{escape(page.detail_zh)}</dd>'
        for page in pages
    )
    name = escape(pages[0].title) if len(pages) == 1 else "problems"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title></head>'
        f"<body><main><h1>{name}</h1><dl>{entries}</dl></main></body></html>"
    )


def _either(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": {"text/html": {"schema": {"type": "string"}}}}}
