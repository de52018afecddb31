"""An independent reading of the table contract: plain Python, one row at a time, no query engine."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from features.contract import Between, Member, NotBefore, NotEmpty, OneOf, Table


def failures(rows: list[dict[str, Any]], table: Table) -> list[tuple[int, str]]:
    """(row from 1, column) of everything that breaks the contract; references aside."""
    found: list[tuple[int, str]] = []
    seen: set[tuple[Any, ...]] = set()
    for number, row in enumerate(rows, start=1):
        bad = [column.name for column in table.columns if not _good(row.get(column.name), column)]
        for rule in table.rules:
            if isinstance(rule, NotBefore):
                later, earlier = row.get(rule.later), row.get(rule.earlier)
                if later is not None and earlier is not None and later < earlier:
                    bad.append(rule.later)
            elif isinstance(rule, Member) and rule.item not in bad and row[rule.item] not in (row[rule.items] or []):
                bad.append(rule.item)
        key = tuple(row.get(name) for name in table.key)
        if not bad and key in seen:
            bad.append(table.key[0])
        elif not bad:
            seen.add(key)
        found += [(number, name) for name in bad]
    return found


def _good(value: Any, column: Any) -> bool:
    if value is None:
        return bool(column.optional)
    kinds = {
        "string": str,
        "integer": int,
        "number": float,
        "boolean": bool,
        "timestamp": datetime,
        "strings": list,
    }
    if not isinstance(value, kinds[column.kind]):
        return False
    check = column.check
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(check, OneOf):
        return value in check.values
    if isinstance(check, NotEmpty):
        return len(value) > 0
    if isinstance(check, Between):
        above_low = check.low is None or (value > check.low if check.above else value >= check.low)
        return above_low and (check.high is None or value <= check.high)
    return True
