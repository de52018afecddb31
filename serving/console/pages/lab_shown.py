"""What the lab shows of a change: old and new value of each field in words, tiles, drawings, and lists of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup

from serving.console.charts import Bar, bars
from serving.console.formats import Formats
from serving.console.texts import Texts
from serving.review.rules import FIELDS, HUBS, Difference
from serving.staff.sheet import sheet

_UNITS = {field.name: field.unit for field in FIELDS}
WAYS = ("newly", "released", "otherwise")
LIMITS_SHOWN = ("large_order", "orders_burst", "device_accounts", "ip_burst", "capped")
"""As the gate and the replay call them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A field with what stands and what would stand, in words; None where an entry comes or goes."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of both rules; ``good`` says whether the new one is better (None: alike or not known)."""

    name: str
    before: str
    after: str
    note: str
    good: bool | None


def value(fmt: Formats, field: str, found: Any) -> str:
    """A value of the rule in words."""
    unit = _UNITS[field]
    if unit == "cents":
        return fmt.money(found)
    return f"{found:g}" if unit == "share" else fmt.number(found)


def hub_words(t: Texts, entry: Mapping[str, str]) -> str:
    """An entry without what it hides: networks are told, things by the first of their hash."""
    shown = entry["value"] if "/" in entry["value"] else entry["value"][:6]
    return t("lab.hub.words", kind=t(f"kind.{entry['kind']}"), value=shown, name=entry["name"], until=entry["until"])


def lines(t: Texts, fmt: Formats, found: list[Difference]) -> list[Line]:
    """The difference of two rules in words."""
    said = []
    for one in found:
        if one.field == HUBS:
            pair = [None if side is None else hub_words(t, side) for side in (one.before, one.after)]
        else:
            pair = [value(fmt, one.field, one.before), value(fmt, one.field, one.after)]
        said.append(Line(t(f"lab.field.{one.field}"), pair[0], pair[1]))
    return said


def sentence(t: Texts, fmt: Formats, found: list[Difference]) -> str:
    """The difference on one line."""
    parts = []
    for line in lines(t, fmt, found):
        if line.before is None:
            parts.append(t("lab.diff.added", after=line.after))
        elif line.after is None:
            parts.append(t("lab.diff.gone", before=line.before))
        else:
            parts.append(f"{line.name} {line.before} → {line.after}")
    return "; ".join(parts)


# name of the figure, how it is written, whether more of it is better
_SHARES = (("precision_of_judged", True), ("recall_of_judged", True), ("look_alike_review_rate", False))
_AMOUNTS = (("caught_cents", True), ("lost_cents", False), ("honest_cents_stopped", False), ("cost_cents", False))


def tiles(t: Texts, fmt: Formats, summary: Mapping[str, Any]) -> list[Tile]:
    """The figures of both rules side by side, shares with their intervals."""
    old, new = summary["old"], summary["new"]
    found = []
    for name, more in _SHARES:
        of = int(new[f"{name}_of"] or 0)
        low, high = new[f"{name}_low"], new[f"{name}_high"]
        note = (
            t("lab.interval", low=fmt.share(low), high=fmt.share(high), n=fmt.number(of)) if of else t("lab.no_truth")
        )
        digits = 2 if name == "look_alike_review_rate" else 1
        shown = [fmt.share(side[name], digits) for side in (old, new)]
        found.append(Tile(t(f"lab.figure.{name}"), shown[0], shown[1], note, _better(old[name], new[name], more)))
    for name, more in _AMOUNTS:
        note = t(f"lab.note.{name}")
        shown = [fmt.money(side[name], compact=True) for side in (old, new)]
        found.append(Tile(t(f"lab.figure.{name}"), shown[0], shown[1], note, _better(old[name], new[name], more)))
    hours = "review_hours_per_day"
    note = t("lab.note.cases", old=fmt.number(old["cases_per_day"], 1), new=fmt.number(new["cases_per_day"], 1))
    shown = [fmt.number(side[hours], 1 if new[hours] >= 1 else 2) for side in (old, new)]
    found.append(Tile(t(f"lab.figure.{hours}"), shown[0], shown[1], note, _better(old[hours], new[hours], False)))
    return found


def _better(old: float | None, new: float | None, more: bool) -> bool | None:
    if old is None or new is None or abs(new - old) <= 1e-9 * max(abs(old), abs(new), 1.0):
        return None
    return (new > old) == more


def drawing(t: Texts, summary: Mapping[str, Any]) -> Markup:
    """Shares of both rules side by side, with intervals."""
    items = []
    for name, _ in _SHARES:
        for side in ("old", "new"):
            figures = summary[side]
            if figures[name] is not None:
                words = f"{t(f'lab.short.{name}')} · {t(f'lab.side.{side}')}"
                low, high = figures[f"{name}_low"], figures[f"{name}_high"]
                ends = (None, None) if low is None else (low * 100, high * 100)
                items.append(Bar(words, figures[name] * 100, *ends))
    if not items:
        return Markup()
    return bars(items, unit="%", label=t("lab.drawing"))


def limit_rows(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """(name of the limit, what it met under the old rule, under the new one)."""
    limits = summary["limits"]
    return [(name, limits["old"][name], limits["new"][name]) for name in LIMITS_SHOWN]


# -- accounts ----------------------------------------------------------------------------------------------------------


def folder(home: Path, change_id: str) -> Path:
    """Where the lists of a change lie; ``change_id`` is one that the ledger knows."""
    return home / "lab" / change_id


def accounts(path: Path, way: str, offset: int, limit: int) -> tuple[list[dict[str, Any]], int] | None:
    """A page of the accounts that two rules treat differently, and how many there are; None where the list is not."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return None
    if way:
        table = table.filter(pc.equal(table["way"], way))
    return table.slice(offset, limit).to_pylist(), table.num_rows


def as_csv(path: Path) -> bytes | None:
    """All of them as CSV; what a spreadsheet would take for a formula is made text."""
    found = accounts(path, "", 0, 2**31)
    if found is None:
        return None
    head = ("user_id", "before", "after", "p", "stake_cents", "way")
    return sheet(head, [[f"{row[name]:.4f}" if name == "p" else row[name] for name in head] for row in found[0]])
