"""Figures that flows wrote: ``report.json`` of a folder below the reports; nothing there is None, never an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST_BYTES = 5_000_000


def figures_of(folder: Path) -> tuple[datetime, dict[str, Any]] | None:
    """When a report was written (UTC), and its flat figures."""
    file = folder / "report.json"
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    written = datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(tzinfo=None)
    return (written, found) if isinstance(found, dict) else None
