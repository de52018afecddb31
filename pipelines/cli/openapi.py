"""``fairdeal openapi``: the committed contract of both HTTP APIs, and the check that the code still keeps it.

``docs/openapi/<app>.json`` is what callers build on. A change of the code that would break them fails the check and is
named; one that only adds asks for the files to be written anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipelines.cli.console import say
from serving.app import Parts, coupons_app, open_store, scoring_app
from serving.openapi.compare import compare
from serving.settings import Stores, load_settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "openapi"
BREAKING, STALE = 1, 3  # exit codes; 2 is wrong input


class _Nothing:
    """Features and models of an app that is described and never called."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name}: this app is only described")


def documents() -> dict[str, dict[str, Any]]:
    """The OpenAPI documents of the code, by app."""
    with tempfile.TemporaryDirectory() as home:
        # Embedded stores whatever profile and environment say: a description must not touch a ledger.
        settings = load_settings().model_copy(update={"home": Path(home), "stores": Stores()})
        store = open_store(settings)
        try:
            nothing: Any = _Nothing()
            apps = {
                "coupons": coupons_app(settings, store),
                "scoring": scoring_app(settings, Parts(features=nothing, models=nothing)),
            }
            return {name: app.openapi() for name, app in apps.items()}
        finally:
            store.close()


def written(document: dict[str, Any]) -> str:
    """The text of a document: sorted, so that the same API is the same bytes."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check_openapi(folder: Path = FOLDER, made: dict[str, dict[str, Any]] | None = None) -> int:
    """Compare the code with the committed documents: 0 alike, 1 callers would break, 3 merely behind the code."""
    broken = stale = False
    for name, document in (made or documents()).items():
        path = folder / f"{name}.json"
        committed = path.read_text("utf-8") if path.is_file() else ""
        if committed == written(document):
            continue
        broken |= _report(name, committed, document)
        stale = True
        sys.stderr.write(f"stale: {path} is not what the code serves\n")
    if broken:
        sys.stderr.write("callers would break; if that is meant: fairdeal openapi --breaking\n")
        return BREAKING
    if stale:
        sys.stderr.write("run make openapi\n")
        return STALE
    return 0


def write_openapi(allow_breaking: bool = False, folder: Path = FOLDER) -> int:
    """Write the documents of the code; 1 and nothing written when callers would break and nobody said that they may."""
    made = documents()
    broken = False
    for name, document in made.items():
        path = folder / f"{name}.json"
        broken |= _report(name, path.read_text("utf-8") if path.is_file() else "", document)
    if broken and not allow_breaking:
        sys.stderr.write("nothing written; if that is meant: fairdeal openapi --breaking\n")
        return BREAKING
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in made.items():
        (folder / f"{name}.json").write_text(written(document), "utf-8")
    say(f"wrote {', '.join(f'{name}.json' for name in made)} to {folder}")
    return 0


def _report(name: str, committed: str, document: dict[str, Any]) -> bool:
    """Print what callers of the committed document would notice; whether anything breaks them."""
    changes = compare(json.loads(committed), document) if committed else []
    for change in changes:
        sys.stderr.write(f"{'breaking' if change.breaking else 'notice'}: {name}: {change}\n")
    return any(change.breaking for change in changes)
