"""What a run of the abuse flow knew of a ring or an account from the shop's tables, the latest only."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

# ``data`` holds keyed hashes only, as ``serving.review.evidence.brought`` writes it; rows at ``as_of`` were not seen.
case_evidence = Table(
    "case_evidence",
    metadata,
    Column("subject", String(160), primary_key=True),
    Column("as_of", Moment, nullable=False),
    Column("data", Text, nullable=False),
    Column("brought_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
)
