"""``fairdeal bench``: run the measurements of ``tests/benchmarks``; each file has ``run() -> dict[str, float]``.

A file may have ``ready()``, which raises ``InputError`` when something that it compares with is not installed; all are
asked before anything is measured, because the measurements take long.
"""

from __future__ import annotations

import json
from pathlib import Path
from runpy import run_path
from typing import Any

from rich.table import Table

from features.errors import InputError
from pipelines.cli.console import out, progress, say

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"


def run_benchmarks(name: str, as_json: bool) -> None:
    """Run one benchmark, or all; flat figures as JSON or as a table. Needs the project's source tree."""
    files = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
    if not files:
        raise InputError("bench", str(FOLDER), "the folder of benchmarks of a source tree")
    if name != "all" and name not in files:
        raise InputError("bench", name, f"one of: all, {', '.join(files)}")
    chosen = {stem: _load(stem, path) for stem, path in files.items() if name in ("all", stem)}
    for bench in chosen.values():
        if callable(ready := bench.get("ready")):
            ready()
    figures: dict[str, dict[str, float | str]] = {}
    with progress() as step:
        for stem, bench in chosen.items():
            step(stem, 0.0)
            figures[stem] = bench["run"]()
            step(stem, 1.0)
    if as_json:
        say(json.dumps(figures if name == "all" else figures[name], indent=2, sort_keys=True))
        return
    for stem, values in figures.items():
        table = Table("figure", "value", title=stem)
        for key, value in values.items():
            table.add_row(key, f"{value:,.6g}" if isinstance(value, (int, float)) else str(value))
        out.print(table)


def _load(stem: str, path: Path) -> dict[str, Any]:
    """What the file defines."""
    return run_path(str(path), run_name=f"bench_{stem}")
