"""Open a folder of tables for the detector: Parquet files or folders of parts, whichever of them are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.errors import InputError

TABLES = ("users", "events", "orders", "order_lines", "coupons", "verdicts")


def open_folder(con: Any, folder: Path) -> dict[str, Any]:
    """Ibis tables by name. Raises InputError for a folder that is none, or a file that is no Parquet."""
    if not folder.is_dir():
        raise InputError("tables", str(folder), "a folder with users.parquet and coupons, orders or events")
    tables = {}
    for name in TABLES:
        path = next((p for p in (folder / f"{name}.parquet", folder / name) if p.exists()), None)
        if path is None:
            continue
        parts = sorted(str(p) for p in path.rglob("*.parquet")) if path.is_dir() else [str(path)]
        if not parts:
            continue
        try:
            tables[name] = con.read_parquet(parts, table_name=f"folder_{name}")
        except Exception as error:  # the engine has no narrower class for "not Parquet" across versions
            raise InputError(
                f"{name}.parquet", str(path), f"a readable Parquet file ({type(error).__name__})"
            ) from error
    return tables
