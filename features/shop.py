"""A shop's tables made ready for the definitions: category codes, address keys and links.

``prepare`` adds to the tables of the contract some that are derived from them in such a way that later rows only add
rows or codes and never change one:

- ``vocabulary`` (kind, value, code): codes in the order in which values first appeared; new values get new codes.
- ``address_keys`` (address, address_key, building_key): one row per distinct spelling.
- ``sightings``: every row of activity with its identifiers as keys (``features.links.sightings``).
- ``touches`` (kind, key, user_id, seen_at): every sighting of a user on a device, IP, address, phone or identity.
- ``links`` (kind, key, user_id, first_seen, registered_at): one row per user and thing.
- ``claims`` (kind, key, template_id, user_id, seen_at): every claim, by each thing it was made with.
"""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd

from features.address import address_table
from features.definition import Tables
from features.engine import keep
from features.links import claims, links, sightings, touches

VOCABULARIES = ("category", "member_tier", "acquisition_channel")
VOCABULARY_SCHEMA = ibis.schema({"kind": "string", "value": "string", "code": "int64"})
Vocabulary = dict[str, tuple[str, ...]]
"""For each categorical its values; the position is the code."""


def prepare(con: Any, tables: Tables, vocabulary: Vocabulary | None = None) -> Tables:
    """Return ``tables`` with the derived ones; codes of ``vocabulary`` (an earlier build's) stay what they were."""
    if "touches" in tables:
        return tables
    ready = dict(tables)
    words = learn_vocabulary(tables, vocabulary or {})
    rows = [(kind, value, code) for kind, values in words.items() for code, value in enumerate(values)]
    frame = pd.DataFrame(rows, columns=list(VOCABULARY_SCHEMA.names))
    ready["vocabulary"] = keep(con, "derived_vocabulary", ibis.memtable(frame, schema=VOCABULARY_SCHEMA))
    spellings = tables["orders"].select("address").union(tables["coupons"].select("address")).distinct()
    addresses = address_table(spellings.filter(lambda t: t.address.notnull()).address.execute())
    schema = ibis.schema({"address": "string", "address_key": "string", "building_key": "string"})
    ready["address_keys"] = keep(con, "derived_address_keys", ibis.memtable(addresses, schema=schema))
    ready["sightings"] = keep(con, "derived_sightings", sightings(ready))
    ready["touches"] = keep(con, "derived_touches", touches(ready))
    ready["links"] = keep(con, "derived_links", links(ready))
    ready["claims"] = keep(con, "derived_claims", claims(ready))
    return ready


def learn_vocabulary(tables: Tables, earlier: Vocabulary) -> Vocabulary:
    """Extend an earlier vocabulary by the values that appear in the tables, by first appearance, then by name."""
    words: Vocabulary = {}
    for kind in VOCABULARIES:
        known = earlier.get(kind, ())
        seen = _first_seen(tables, kind)
        seen = seen.filter(lambda t: t["value"].notnull()).order_by(["first", "value"])
        words[kind] = (*known, *(value for value in seen["value"].execute() if value not in set(known)))
    return words


def vocabulary_of(tables: Tables) -> Vocabulary:
    """Read back the vocabulary of prepared tables."""
    frame = tables["vocabulary"].order_by(["kind", "code"]).execute()
    return {kind: tuple(frame.loc[frame.kind == kind, "value"]) for kind in VOCABULARIES}


def _first_seen(tables: Tables, kind: str) -> Any:
    if kind == "category":
        events = tables["events"].select(value="category", at="occurred_at")
        orders = tables["orders"].select("order_id", "placed_at")
        lines = tables["order_lines"].select("order_id", "category").join(orders, "order_id")
        rows = events.union(lines.select(value="category", at="placed_at"))
    else:
        rows = tables["users"].select(value=kind, at="registered_at")
    return rows.group_by("value").aggregate(first=rows.at.min())
