"""Flags of a flow into the review store of this process, for when no server holds the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from serving.review.case import Flag
from serving.review.evidence.brought import Brought
from serving.review.evidence.keeping import with_evidence
from serving.review.store import Upserted, upsert
from serving.store.unit import Request, Store


def put_flags(
    store: Store,
    flags: Sequence[Flag],
    source: str = "flow",
    version: str = "",
    evidence: Sequence[Brought] = (),
) -> Upserted:
    """Open or refresh cases; a flow that runs twice leaves them as they are.

    ``version`` is that of what scored, ``evidence`` what it knew of the rings and accounts, which is kept with them.
    """
    command = with_evidence(upsert(flags, source, version), evidence)
    key = store.ids("flg")
    return Upserted(**store.write(Request(source, key, "flags", key), command).body)
