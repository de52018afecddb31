"""``/problems`` and ``/problems/{code}``: what a problem's ``type`` leads to, as JSON or a page in two languages."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from serving.api.problems import PROBLEMS, ProblemError, title
from serving.coupons.refusals import CATALOGUE
from serving.openapi.describe import texts

Code = Annotated[str, Path(max_length=40, pattern="^[a-z][a-z0-9_]*$")]
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --faint: #6b7280; }
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; margin: 0; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
section { border-top: 1px solid var(--line); padding: .9rem 0; }
section:target { border-left: 4px solid #0b7285; padding-left: .8rem; }
h2 { font: 600 1rem ui-monospace, monospace; margin: 0 0 .3rem; display: flex; gap: .8rem; }
h2 span { color: var(--faint); font-weight: 400; }
p { margin: 0; }
a { color: inherit; }
"""
_ALLOWED = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# Nothing is loaded and nothing runs; the one style is known by its hash.
_NOTHING_RUNS = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'"}


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
    alone = len(pages) == 1
    entries = "".join(
        f'<section id="{escape(page.code)}"><h2>{escape(page.code)} <span>HTTP {page.status}</span></h2>'
        f'<p>{_blank(page.detail)}</p><p lang="zh">{_blank(page.detail_zh)}</p></section>'
        for page in pages
    )
    name = escape(pages[0].title.capitalize()) if alone else "Problems and refusals · 错误与拒绝"
    back = '<p><a href="/problems">All problems · 全部</a></p>' if alone else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{_STYLE}</style></head><body><main><h1>{name}</h1>{entries}{back}</main></body></html>"
    )


def _blank(text: str) -> str:
    """A place that is filled when the sentence is said."""
    return re.sub(r"\{(amount|count)\}", "…", escape(text))


def _either(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": {"text/html": {"schema": {"type": "string"}}}}}
