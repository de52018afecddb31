"""Evidence on its way: the file beside the flags (``<flags>.evidence.jsonl``, a line for each case), and bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.case_evidence import evidence_of_flags
from serving.review.evidence.brought import Brought, brought_from_data, brought_to_data

SUFFIX = ".evidence.jsonl"
_MOMENTS = frozenset({"as_of", "at", "registered_at", "first_seen", "last_seen", "first", "last"})


def evidence_path(flags: Path) -> Path:
    """Where the evidence of a flags file lies."""
    return flags.with_suffix(SUFFIX)


def detector_version() -> str:
    """What scored, as cases show it."""
    try:
        return f"fairdeal {version('fairdeal')}"
    except PackageNotFoundError:
        return "fairdeal"


def write_evidence(
    con: Any,
    tables: Mapping[str, Any],
    folder: Path,
    flags: pd.DataFrame,
    out: Path,
    as_of: datetime | None,
    key: str,
    models: Mapping[str, str],
) -> int:
    """Write the evidence of everybody flagged in ``flags`` to ``out``; returns the number of rings and accounts.

    ``tables`` are those that the engine ``con`` has opened of ``folder``; ``key`` is that of identifiers.
    """
    fresh = out.with_name(f".{out.name}")
    count = 0
    with fresh.open("w", encoding="utf-8") as stream:
        for brought in evidence_of_flags(con, tables, folder, flags, as_of, key, models):
            stream.write(json.dumps(brought_to_data(brought), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    fresh.replace(out)  # a reader sees the old file or the new one, never half
    return count


def read_evidence(flags: Path) -> dict[str, Brought]:
    """The evidence beside a flags file, by subject; nothing where there is none."""
    path = evidence_path(flags)
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as stream:
        found = [brought_from_data(json.loads(line)) for line in stream if line.strip()]
    return {brought.subject: brought for brought in found}


def evidence_body(brought: Brought) -> dict[str, Any]:
    """One entry of ``evidence`` in ``POST /v1/flags``."""
    data = brought_to_data(brought)
    kind, _, name = data.pop("subject").partition(":")
    return {"ring_id" if kind == "ring" else "user_id": name, **_with_zone(data)}


def weight(brought: Brought) -> int:
    """About how many bytes it is as JSON."""
    rows = len(brought.sights) + len(brought.coupons) + len(brought.timeline) + len(brought.things) + 1
    return 200 * (rows + len(brought.members))


def _with_zone(value: Any) -> Any:
    """Moments as HTTP says them: in UTC, and saying so."""
    if isinstance(value, dict):
        return {name: f"{v}Z" if name in _MOMENTS else _with_zone(v) for name, v in value.items()}
    return [_with_zone(inner) for inner in value] if isinstance(value, list) else value
