"""Which category a SKU belongs to, from the order lines of the shop's tables."""

from __future__ import annotations

from pathlib import Path


def categories(folder: Path) -> dict[str, str]:
    """Category by SKU; empty where no order lines were ingested. A SKU of several categories has the last by name."""
    from features.engine import connect, load_tables

    try:
        lines = load_tables(connect(), folder, ["order_lines"])["order_lines"]
    except (OSError, ValueError):
        return {}
    found = lines.group_by("sku").aggregate(category=lines.category.max()).execute()
    return dict(zip(found.sku, found.category, strict=True))
