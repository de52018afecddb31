"""Tables as CSV that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_ROWS = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def sheet(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file in UTF-8, with the mark by which spreadsheets know that.

    >>> sheet(["name", "cents"], [["=1+1", -5]]).decode("utf-8-sig").splitlines()
    ['name,cents', "'=1+1,-5"]
    """
    return b"".join(pieces(head, rows))


def pieces(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The same file in pieces, so that a large one can be sent while it is written."""
    text = io.StringIO("\ufeff")
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    for n, row in enumerate(rows, 1):
        writer.writerow([harmless(value) for value in row])
        if n % _ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def harmless(value: object) -> object:
    """Numbers stay numbers; text that a spreadsheet would take for a formula does not."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8")
    text.seek(0)
    text.truncate()
    return data
