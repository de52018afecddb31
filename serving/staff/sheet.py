"""Tables as CSV that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def sheet(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file in UTF-8, with the mark by which spreadsheets know that.

    >>> sheet(["name", "cents"], [["=1+1", -5]]).decode("utf-8-sig").splitlines()
    ['name,cents', "'=1+1,-5"]
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([harmless(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def harmless(value: object) -> object:
    """Numbers stay numbers; text that a spreadsheet would take for a formula does not."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
