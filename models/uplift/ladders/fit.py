"""Which offers form a ladder of face values, and the artefact whose effects rise along it.

``with_ladders(artefact, trial, templates, held_out)`` is all that a training flow calls; what is measured at the rungs
is in ``models.uplift.ladders.measure``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError
from models.registry import Artefact, effects
from models.registry.ladder import KEY, Groups, Ladder
from models.registry.response import group_of
from models.uplift.ladders.measure import Measurement, measure, numbers
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]

GROUPS = 5
FEWEST_A_GROUP = 100  # units of each rung's arm, for an average that is about normal

_TERMS = ("kind", "minimum_cents", "percent_off", "cap_cents", "scope", "valid_days")


def ladders_of(templates: pd.DataFrame | Iterable[Mapping[str, object]]) -> tuple[Ladder, ...]:
    """Ladders among the rows of a ``templates`` table: at least two offers with equal terms and different faces.

    Named by kind, minimum and scope. Offers without a face (percentages) stand on none; nor do offers under terms that
    two of them share with the same face, for nothing says which of the two is richer.
    """
    rows = templates.to_dict("records") if isinstance(templates, pd.DataFrame) else list(templates)
    alike: dict[tuple[Hashable, ...], dict[str, int]] = {}
    doubled = set()
    for row in rows:
        face, name = _known(row.get("face_cents")), str(row["template_id"])
        if face is None or face <= 0:
            continue
        terms = tuple(_known(row.get(term)) for term in _TERMS)
        offers = alike.setdefault(terms, {})
        if face in offers.values() or name in offers:
            doubled.add(terms)
        offers[name] = int(face)
    found = {terms: offers for terms, offers in alike.items() if len(offers) > 1 and terms not in doubled}
    return tuple(declared(_name(terms, found), offers) for terms, offers in found.items())


def declared(name: str, faces: Mapping[str, int]) -> Ladder:
    """A ladder from ``{offer: face_cents}`` in any order; InputError for one offer, equal faces or no whole cents."""
    try:
        arms = tuple(sorted(faces, key=lambda arm: faces[arm]))
    except TypeError as error:
        raise InputError(f"ladder {name} faces", dict(faces), "whole cents above 0 per offer") from error
    return Ladder(name, arms, tuple(faces[arm] for arm in arms))


def fit_ladders(ladders: Iterable[Ladder], found: Measurement) -> tuple[Ladder, ...]:
    """The ladders with what was measured; outcomes that fall by more than chance are left out."""
    fitted = []
    for ladder in ladders:
        rungs = {outcome: found.rungs(ladder, outcome) for outcome in found.outcomes}
        fitted.append(replace(ladder, outcomes={name: rung for name, rung in rungs.items() if rung is not None}))
    return tuple(fitted)


def with_ladders(
    artefact: Artefact,
    trial: Trial,
    templates: pd.DataFrame | Iterable[Mapping[str, object]] | tuple[Ladder, ...],
    held_out: Trial | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Artefact:
    """The artefact with the ladders that its offers form; the same artefact where they form none.

    Args:
        artefact: an uplift artefact.
        trial: what it was learnt from.
        templates: the ``templates`` table, or declared ladders.
        held_out: units that it was not learnt from, of which only the averages of groups of users that are predicted
            alike are kept, for ``row_intervals``. They change no effect.
        seed, threads: of the expectations.
    """
    offers = tuple(artefact.spec["arms"][1:])
    ladders = tuple(_restricted(templates, offers))
    if not ladders:
        return artefact
    fitted = fit_ladders(ladders, measure(trial, seed, threads))
    spec = {**artefact.spec, KEY: [ladder.to_json() for ladder in fitted]}
    result = replace(artefact, spec=spec)
    if held_out is None:
        return result
    grouped = _grouped(result, fitted, held_out, measure(held_out, seed, threads))
    return replace(result, spec={**spec, KEY: [ladder.to_json() for ladder in grouped]})


def _grouped(artefact: Artefact, ladders: Iterable[Ladder], held_out: Trial, found: Measurement) -> tuple[Ladder, ...]:
    predicted = effects(artefact, held_out.X[list(artefact.features)].to_numpy(float))
    counts = np.bincount(held_out.treatment, minlength=len(held_out.arms))
    result = []
    for ladder in ladders:
        columns = [predicted.arms.index(arm) for arm in ladder.arms]
        fewest = min(int(counts[held_out.arms.index(arm)]) for arm in ladder.arms)
        groups = int(np.clip(fewest // FEWEST_A_GROUP, 1, GROUPS))
        outcomes = {
            outcome: replace(
                rungs, groups=_groups(getattr(predicted, outcome)[:, columns], ladder, outcome, found, groups)
            )
            for outcome, rungs in ladder.outcomes.items()
        }
        result.append(replace(ladder, outcomes=outcomes))
    return tuple(result)


def _groups(predicted: Matrix, ladder: Ladder, outcome: str, found: Measurement, groups: int) -> Groups:
    """Groups of about equal size; equal predictions stay together, so there may be fewer."""
    level = np.sort(predicted.mean(axis=1))
    cuts = level[[len(level) * g // groups for g in range(1, groups)]]
    edges = numbers(np.unique(cuts[cuts > level[0]]))
    member = group_of(Groups(edges, (), ()), predicted)
    measured = [found.at(ladder, outcome, member == g) for g in range(len(edges) + 1)]
    return Groups(edges, tuple(numbers(mean) for mean, _ in measured), tuple(numbers(error) for _, error in measured))


def _restricted(
    templates: pd.DataFrame | Iterable[Mapping[str, object]] | tuple[Ladder, ...], offers: tuple[str, ...]
) -> Iterable[Ladder]:
    """Declared ladders as they are; of a table only the model's offers, for the others were never tried."""
    if isinstance(templates, pd.DataFrame):
        if templates.empty:
            return ()
        return ladders_of(templates[templates["template_id"].isin(offers)])
    given = list(templates)
    if all(isinstance(ladder, Ladder) for ladder in given):
        return [ladder for ladder in given if isinstance(ladder, Ladder)]
    return ladders_of(row for row in given if isinstance(row, Mapping) and row["template_id"] in offers)


def _known(value: Any) -> Any:
    """None for every way a table says that a cell is empty."""
    return None if value is None or pd.isna(value) else value


def _name(terms: tuple[Hashable, ...], found: Mapping[tuple[Hashable, ...], object]) -> str:
    """Kind, minimum and scope; with the other terms where that is not enough to tell two ladders apart."""
    kind, minimum, _, _, scope, _ = terms
    short = (kind, minimum, scope)
    if sum((other[0], other[1], other[4]) == short for other in found) > 1:
        return "/".join("-" if term is None else _shown(term) for term in terms)
    return "/".join(_shown(term) for term in short if term is not None)


def _shown(term: Hashable) -> str:
    """A column with empty cells reads its whole cents as floats."""
    return f"{term:.15g}" if isinstance(term, float) else str(term)
