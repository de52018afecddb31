"""``fairdeal bench``: run the measurements of ``tests/benchmarks``; each file has ``run() -> dict[str, float]``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

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
    figures: dict[str, dict[str, float]] = {}
    with progress() as step:
        for stem, path in files.items():
            if name in ("all", stem):
                step(stem, 0.0)
                figures[stem] = _load(stem, path)()
                step(stem, 1.0)
    if as_json:
        say(json.dumps(figures if name == "all" else figures[name], indent=2, sort_keys=True))
        return
    for stem, values in figures.items():
        table = Table("figure", "value", title=stem)
        for key, value in values.items():
            table.add_row(key, f"{value:,.6g}" if isinstance(value, (int, float)) else str(value))
        out.print(table)


def _load(stem: str, path: Path) -> Callable[[], dict[str, float]]:
    run: Callable[[], dict[str, float]] = run_path(str(path), run_name=f"bench_{stem}")["run"]
    return run
