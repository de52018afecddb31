"""A report of one study: flat figures in ``report.json`` and a page that stands alone, ``report.html``.

The page needs no network, carries English and Chinese at once with a switch, and follows the reader's light or dark
setting. Text is given as ``Words(en, zh)`` or as a plain string where both languages say the same; everything is
escaped. ``report.json`` holds the figures under flat names; a not-a-number becomes null.
"""

from __future__ import annotations

import html
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from features.errors import InputError

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Words:
    """One text in both languages."""

    en: str
    zh: str

    def html(self) -> str:
        """Both texts; the page shows one of them."""
        if self.en == self.zh:
            return html.escape(self.en)
        return f'<span lang="en">{html.escape(self.en)}</span><span lang="zh">{html.escape(self.zh)}</span>'


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, as a table cell."""

    value: float
    low: float
    high: float
    digits: int = 4

    def html(self) -> str:
        """``0.0622 [0.0551, 0.0693]`` without wrapping."""
        value, low, high = (_number(part, self.digits) for part in (self.value, self.low, self.high))
        return f'<span class="estimate">{value} <small>[{low}, {high}]</small></span>'


@dataclass(frozen=True)
class Number:
    """A figure with a number of decimals of its own, as a table cell."""

    value: float
    digits: int

    def html(self) -> str:
        """``0.18``."""
        return _number(self.value, self.digits)


@dataclass(frozen=True)
class Money:
    """Yuan, given in cents, as a table cell."""

    cents: float
    digits: int = 0

    def html(self) -> str:
        """``¥1,234``; below zero ``−¥1,234``."""
        if not math.isfinite(self.cents):
            return "–"
        shown = f"{abs(self.cents) / 100:,.{self.digits}f}"
        return f"{'−' if self.cents < 0 and float(shown.replace(',', '')) else ''}¥{shown}"


@dataclass(frozen=True)
class Percent:
    """A share with at least two digits that count, as a table cell."""

    share: float

    def html(self) -> str:
        """``12 %``, ``0.013 %``."""
        size = abs(self.share) * 100
        if not math.isfinite(size):
            return "–"
        digits = min(8, max(0, 1 - math.floor(math.log10(size)))) if size > 0 else 0
        return f"{_number(self.share * 100, digits)} %"


Text = Words | str
Cell = Words | Estimate | Number | Money | Percent | str | int | float | None


def check_folder(out: Path) -> None:
    """Raise InputError now if a report could not be written into ``out`` later; leaves nothing behind."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    made: list[Path] = []
    try:
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError("out", str(out), f"a folder that can be written ({error.strerror})") from error
    finally:
        for folder in reversed(made):
            folder.rmdir()


@dataclass
class Report:
    """Collects parts in reading order, then writes both files. Every ``add_`` returns the report, to chain."""

    title: Text
    language: str = "en"
    subtitle: Text = ""
    contents: bool = False
    figures: dict[str, object] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _drawings: int = 0
    _headings: list[Text] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise InputError("language", self.language, f"one of {', '.join(LANGUAGES)}")

    def add_verdict(self, text: Text, tone: str = "neutral") -> Report:
        """A highlighted statement; the first one should be what the reader must know. Tones: good, bad, neutral."""
        if tone not in ("good", "bad", "neutral"):
            raise InputError("tone", tone, "good, bad or neutral")
        self._parts.append(f'<p class="verdict {tone}">{_text(text)}</p>')
        return self

    def add_section(self, heading: Text) -> Report:
        """A heading for the parts that follow."""
        self._headings.append(heading)
        self._parts.append(f'<h2 id="s{len(self._headings)}">{_text(heading)}</h2>')
        return self

    def add_heading(self, heading: Text) -> Report:
        """A smaller heading inside a section."""
        self._parts.append(f"<h3>{_text(heading)}</h3>")
        return self

    def add_list(self, items: Sequence[Text]) -> Report:
        """A bulleted list."""
        self._parts.append("<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>")
        return self

    @contextmanager
    def folded(self, summary: Text) -> Iterator[Report]:
        """Parts added inside can be unfolded by the reader; in print they are all there."""
        self._parts.append(f"<details><summary>{_text(summary)}</summary>")
        yield self
        self._parts.append("</details>")

    def add_text(self, text: Text) -> Report:
        """A paragraph."""
        self._parts.append(f"<p>{_text(text)}</p>")
        return self

    def add_tiles(self, tiles: Sequence[tuple[Text, Cell]]) -> Report:
        """A few headline figures side by side: (label, figure)."""
        shown = "".join(f"<div><dt>{_text(label)}</dt><dd>{_cell(value, 4)}</dd></div>" for label, value in tiles)
        self._parts.append(f'<dl class="tiles">{shown}</dl>')
        return self

    def add_table(
        self,
        caption: Text,
        columns: Sequence[Text],
        rows: Sequence[Sequence[Cell]],
        digits: int = 4,
        strong: Sequence[int] = (),
    ) -> Report:
        """A table; ``strong`` names rows (by position) to emphasise, numbers align right with ``digits`` decimals."""
        for row in rows:
            if len(row) != len(columns):
                raise InputError("table row", list(row), f"{len(columns)} cells")
        numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
        head = "".join(
            f'<th scope="col" class="{"number" if right else "text"}">{_text(column)}</th>'
            for column, right in zip(columns, numeric, strict=True)
        )
        body = "".join(
            f'<tr class="{"strong" if i in strong else "plain"}">'
            + "".join(_td(cell, digits) for cell in row)
            + "</tr>"
            for i, row in enumerate(rows)
        )
        self._parts.append(
            f'<figure class="table"><figcaption>{_text(caption)}</figcaption><div class="scroll"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></figure>"
        )
        return self

    def add_figure(self, caption: Text, svg: str) -> Report:
        """A drawing as inline SVG (from ``models.plots``)."""
        self._parts.append(self._figure(caption, svg))
        return self

    def add_pair(self, figures: Sequence[tuple[Text, str]]) -> Report:
        """Drawings side by side where the page is wide enough: (caption, SVG)."""
        shown = "".join(self._figure(caption, svg) for caption, svg in figures)
        self._parts.append(f'<div class="pair">{shown}</div>')
        return self

    def _figure(self, caption: Text, svg: str) -> str:
        self._drawings += 1
        prefix = f"d{self._drawings}-"  # ids are per page, and every drawing brings the same ones
        own = (
            svg.replace('id="', f'id="{prefix}')
            .replace('href="#', f'href="#{prefix}')
            .replace("url(#", f"url(#{prefix}")
        )
        return f"<figure>{own}<figcaption>{_text(caption)}</figcaption></figure>"

    def add_figures(self, figures: Mapping[str, object]) -> Report:
        """Figures for ``report.json``: flat names to numbers, texts, booleans or flat lists of them."""
        for name, value in figures.items():
            if name in self.figures:
                raise InputError("figure", name, "a name that is not taken yet")
            self.figures[name] = _plain(name, value)
        return self

    def html(self) -> str:
        """The page."""
        other = "".join(
            f'<button type="button" data-set="{code}">{label}</button>'
            for code, label in (("en", "English"), ("zh", "中文"))
        )
        title = self.title.en if isinstance(self.title, Words) and self.language == "en" else _native(self.title)
        subtitle = f"<p>{_text(self.subtitle)}</p>" if self.subtitle else ""
        links = "".join(f'<li><a href="#s{i}">{_text(text)}</a></li>' for i, text in enumerate(self._headings, 1))
        contents = f'<ol class="contents">{links}</ol>' if self.contents else ""
        return (
            f'<!doctype html>\n<html lang="{self.language}" data-language="{self.language}">\n'
            '<head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style></head>\n<body>\n"
            f"<header><nav>{other}</nav><h1>{_text(self.title)}</h1>{subtitle}</header>\n"
            "<main>\n"
            + "\n".join(self._before_sections(contents))
            + f"\n</main>\n<script>{_SCRIPT}</script>\n</body></html>\n"
        )

    def _before_sections(self, contents: str) -> list[str]:
        """The parts, with the contents where the first section starts."""
        first = next((i for i, part in enumerate(self._parts) if part.startswith("<h2")), len(self._parts))
        return [*self._parts[:first], *([contents] if contents else []), *self._parts[first:]]

    def write(self, out: Path) -> Path:
        """Write ``report.json`` and ``report.html`` into a folder; gives the page's path."""
        out.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.figures, indent=1, ensure_ascii=False, allow_nan=False)
        (out / "report.json").write_text(content + "\n", "utf-8")
        page = out / "report.html"
        page.write_text(self.html(), "utf-8")
        return page


def _native(text: Text) -> str:
    return text.zh if isinstance(text, Words) else text


def _text(text: Text) -> str:
    return text.html() if isinstance(text, Words) else html.escape(text)


def _td(cell: Cell, digits: int) -> str:
    return f'<td class="{"number" if _is_number(cell) else "text"}">{_cell(cell, digits)}</td>'


def _is_number(cell: Cell) -> bool:
    return cell is None or (
        isinstance(cell, int | float | np.number | Estimate | Number | Money | Percent) and not isinstance(cell, bool)
    )


def _cell(cell: Cell, digits: int) -> str:
    if isinstance(cell, Words | Estimate | Number | Money | Percent):
        return cell.html()
    if cell is None:
        return "–"
    if isinstance(cell, bool | np.bool_):
        return Words("yes", "是").html() if cell else Words("no", "否").html()
    if isinstance(cell, int | float | np.number):
        return _number(float(cell), 0 if isinstance(cell, int | np.integer) else digits)
    return html.escape(str(cell))


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "–"
    shown = f"{value:,.{digits}f}"
    return shown.replace("-", "−" if shown.strip("-0,.") else "")  # nothing is minus zero


def _plain(name: str, value: object) -> object:
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(name, item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    raise InputError(f"figure {name}", value, "a number, text, boolean or list of them")


_SCRIPT = """
document.querySelectorAll('[data-set]').forEach(function (button) {
  button.addEventListener('click', function () {
    document.documentElement.dataset.language = button.dataset.set;
    document.documentElement.lang = button.dataset.set === 'zh' ? 'zh-CN' : 'en';
  });
});
window.addEventListener('beforeprint', function () {
  document.querySelectorAll('details').forEach(function (part) { part.open = true; });
});
"""

_CSS = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --panel: #f6f8fa;
  --accent: #0072b2; --good: #e6f4ee; --bad: #fdece3; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --ink: #e6e9ee; --soft: #a2adba; --line: #333c47;
  --panel: #1c2229; --accent: #56b4e9; --good: #12352a; --bad: #45261a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.5rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  sans-serif; }
[data-language="en"] [lang="zh"], [data-language="zh"] [lang="en"] { display: none; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: .2rem 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .3rem; }
.contents { columns: 2; margin: 1.6rem 0 0; padding: .8rem 1rem .8rem 2.4rem; background: var(--panel);
  border-radius: .4rem; font-size: .93rem; }
a { color: var(--accent); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 0 1.4rem; }
.pair figure { margin: .8rem 0; }
details { margin: 1rem 0; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .9rem; }
summary { cursor: pointer; color: var(--soft); }
header p { color: var(--soft); margin: 0 0 1.4rem; }
nav { float: right; display: flex; gap: .4rem; }
button { font: inherit; font-size: .85rem; padding: .15rem .7rem; border: 1px solid var(--line); border-radius: 1rem;
  background: var(--panel); color: var(--ink); cursor: pointer; }
[data-language="en"] [data-set="en"], [data-language="zh"] [data-set="zh"] { border-color: var(--accent); }
.verdict { padding: .8rem 1rem; border-left: 4px solid var(--accent); background: var(--panel);
  border-radius: 0 .4rem .4rem 0; }
.verdict.good { background: var(--good); border-color: #009e73; }
.verdict.bad { background: var(--bad); border-color: #d55e00; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.tiles .estimate { white-space: normal; }
.tiles .estimate small { display: block; font-size: .85rem; white-space: nowrap; }
figure { margin: 1.4rem 0; }
figure svg { display: block; width: 100%; max-width: 46rem; height: auto; color: var(--ink); }
figcaption { color: var(--soft); font-size: .9rem; margin: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line);
  padding: .35rem .7rem; }
th.number { text-align: right; }
td { min-width: 4.2em; border-bottom: 1px solid var(--line); padding: .35rem .7rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.strong td { font-weight: 600; background: var(--panel); }
small { color: var(--soft); font-weight: 400; }
.estimate { white-space: nowrap; }
@media print {
  :root { color-scheme: light; --page: #ffffff; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --panel: #f6f8fa;
    --accent: #0072b2; --good: #e6f4ee; --bad: #fdece3; }
  nav { display: none; }
  body { max-width: none; padding: 0; font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure, tr, .verdict, .tiles, li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  figure.table { break-inside: auto; }
  .scroll { overflow: visible; }
  .pair { grid-template-columns: 1fr 1fr; }
}
@media (max-width: 40rem) { .pair { grid-template-columns: 1fr; } .contents { columns: 1; } }
"""
