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
from collections.abc import Mapping, Sequence
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
Cell = Words | Estimate | Money | Percent | str | int | float | None


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
    figures: dict[str, object] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _drawings: int = 0

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
        self._parts.append(f"<h2>{_text(heading)}</h2>")
        return self

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
        self._drawings += 1
        prefix = f"d{self._drawings}-"  # ids are per page, and every drawing brings the same ones
        own = (
            svg.replace('id="', f'id="{prefix}')
            .replace('href="#', f'href="#{prefix}')
            .replace("url(#", f"url(#{prefix}")
        )
        self._parts.append(f"<figure>{own}<figcaption>{_text(caption)}</figcaption></figure>")
        return self

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
        return (
            f'<!doctype html>\n<html lang="{self.language}" data-language="{self.language}">\n'
            '<head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style></head>\n<body>\n"
            f"<header><nav>{other}</nav><h1>{_text(self.title)}</h1>{subtitle}</header>\n"
            "<main>\n" + "\n".join(self._parts) + f"\n</main>\n<script>{_SCRIPT}</script>\n</body></html>\n"
        )

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
        isinstance(cell, int | float | np.number | Estimate | Money | Percent) and not isinstance(cell, bool)
    )


def _cell(cell: Cell, digits: int) -> str:
    if isinstance(cell, Words | Estimate | Money | Percent):
        return cell.html()
    if cell is None:
        return "–"
    if isinstance(cell, bool | np.bool_):
        return Words("yes", "是").html() if cell else Words("no", "否").html()
    if isinstance(cell, int | float | np.number):
        return _number(float(cell), 0 if isinstance(cell, int | np.integer) else digits)
    return html.escape(str(cell))


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


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
figure svg { width: 100%; height: auto; color: var(--ink); }
figcaption { color: var(--soft); font-size: .9rem; margin: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line);
  padding: .35rem .7rem; }
th.number { text-align: right; }
td { border-bottom: 1px solid var(--line); padding: .35rem .7rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.strong td { font-weight: 600; background: var(--panel); }
small { color: var(--soft); font-weight: 400; }
.estimate { white-space: nowrap; }
@media print { nav { display: none; } body { max-width: none; } }
"""
