"""Flags of a flow into the review store of this process, for when no server holds the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from serving.review.case import Flag, flags_to_data
from serving.review.store import Upserted, upsert
from serving.store.unit import Request, Store, canonical


def put_flags(store: Store, flags: Sequence[Flag], source: str = "flow") -> Upserted:
    """Open or refresh cases; the key is the content, so that a flow that runs twice asks the same thing twice."""
    content = hashlib.sha256(canonical(flags_to_data(flags)).encode()).hexdigest()
    answer = store.write(Request(source, content, "flags", content), upsert(flags, source))
    return Upserted(**answer.body)
