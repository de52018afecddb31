"""What a feature is, and the few expressions that every definition is written with.

A *spine* is a table of moments: an entity key and ``as_of`` (naive UTC). A definition is a function
``(tables, spine) -> table`` that returns the spine with one float64 column per feature; null means "not known".
It uses only rows whose time is strictly before ``as_of``, so a feature never changes when later rows arrive.
A window of length w at ``as_of`` holds the times t with ``as_of - w <= t < as_of``.

Sums of fractions are kept as whole millionths until the last step: integer sums do not depend on the order in which
an engine adds, so the same rows always give the same bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

Tables = Mapping[str, Any]
"""Ibis tables by the names of the table contract, plus those that ``features.shop.prepare`` derives."""

MILLION = 1_000_000
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Feature:
    """One column: what it says, its value for a known entity without any rows, and its codes when categorical.

    ``codes`` lists the meaning of 0, 1, 2 … where it is fixed; ``vocabulary`` names the learnt list otherwise.
    """

    name: str
    description: str
    empty: float | None = None
    codes: tuple[str, ...] = ()
    vocabulary: str = ""

    @property
    def categorical(self) -> bool:
        return bool(self.codes or self.vocabulary)


def column_order(features: Sequence[Feature]) -> str:
    """Fingerprint of the names and their order; two vectors with the same fingerprint mean the same."""
    return hashlib.sha256("\n".join(feature.name for feature in features).encode()).hexdigest()


def moments(spine: Any, key: str) -> Any:
    """Return the distinct moments of a spine."""
    return spine.select(key, "as_of").distinct()


def before(at: Any, rows: Any, key: str, time: str, *, days: int | None = None) -> Any:
    """Join to each moment the rows of its entity that happened before it, at most ``days`` earlier when given."""
    conditions = [at[key] == rows[key], rows[time] < at.as_of]
    if days is not None:
        conditions.append(rows[time] >= at.as_of - ibis.interval(days=days))
    return at.join(rows, conditions).drop(f"{key}_right")


def within(time: Any, as_of: Any, *, hours: int) -> Any:
    """Whether a time that is before ``as_of`` lies in the window of this length."""
    return time >= as_of - ibis.interval(hours=hours)


def epoch(time: Any) -> Any:
    """Whole seconds since 1970, rounded down (engines differ on fractions of a second)."""
    return time.truncate("s").epoch_seconds().cast("int64")


def days_between(later: Any, earlier: Any) -> Any:
    """Days from one time to another, from whole seconds."""
    return (epoch(later) - epoch(earlier)) / float(SECONDS_A_DAY)


def ratio(part: Any, whole: Any) -> Any:
    """part / whole as a float; null where there is no whole."""
    return part.cast("float64") / whole.cast("float64").nullif(0.0)


def millionths(value: Any) -> Any:
    """A float as whole millionths, so that sums are exact."""
    return (value * float(MILLION)).round().cast("int64")


def number(column: Any) -> Any:
    """The column as float64 with NaN turned into null."""
    value = column.cast("float64")
    return ibis.ifelse(value.isnan(), ibis.null("float64"), value)


def entropy(total: Any, weighted_logs: Any) -> Any:
    """Shannon entropy (nats) of counts c with sum ``total``, from ``weighted_logs`` = Σ c·ln c in millionths."""
    safe = total.nullif(0).cast("float64")
    nats = safe.ln() - weighted_logs / float(MILLION) / safe
    return ibis.greatest(nats, 0.0)


def entropy_term(count: Any) -> Any:
    """c·ln c in whole millionths; 0 for an empty cell."""
    count = count.cast("float64")
    return ibis.ifelse(count > 0, millionths(count * ibis.greatest(count, 1.0).ln()), 0)


def join_parts(at: Any, key: str, parts: Sequence[Any], features: Sequence[Feature]) -> Any:
    """Lay the parts (each unique by moment) beside the moments; absent counts become their ``empty`` value."""
    empty = {feature.name: feature.empty for feature in features if feature.empty is not None}
    joined = at
    for part in parts:
        joined = joined.left_join(part, [key, "as_of"]).drop(f"{key}_right", "as_of_right")
    filled = {name: joined[name].fill_null(value) for name, value in empty.items() if name in joined.columns}
    return joined.mutate(**filled)


def finish(spine: Any, key: str, joined: Any, known: Any, features: Sequence[Feature]) -> Any:
    """Cast every feature to float64, blank entities that are not known, and lay the result beside the spine."""
    columns = {f.name: ibis.ifelse(known, joined[f.name].cast("float64"), ibis.null("float64")) for f in features}
    values = joined.select(key, "as_of", **columns)
    return spine.left_join(values, [key, "as_of"]).drop(f"{key}_right", "as_of_right")
