"""Ladders: offers that differ only in face value, and what a richer coupon can only do more of.

For two coupons with the same terms and faces f < g, whoever would buy or redeem with f would with g, since g takes at
least as much off the same baskets. So along the rungs of a ladder these never fall, for every single user:

    redeem   the probability that the coupon is redeemed; nobody redeems the coupon of face 0
    cost     the expected discount: as many redemptions, each for at least as much; zero at face 0
    value    the margin before coupon cost over that of no coupon, as long as the orders that a coupon adds earn a
             margin. What face 0 would do is not known: being sent any coupon may drive people off, and value may
             start below zero. An offer that sells below cost may break the rule, and then it is not applied

Profit, value less cost, may rise or fall. Whether an outcome follows the rule is checked when the ladder is fitted
(``models.uplift.ladders.fit``); an outcome that does not is left out of ``outcomes`` and stays as its models have it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

from features.errors import InputError

VALUE, COST, REDEEM = OUTCOMES = ("value", "cost", "redeem")
KEY = "ladders"
"""Where an artefact's spec holds its ladders."""

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Groups:
    """Measured effects of rows that are alike in their predicted one: g groups, m rungs.

    ``edges`` (g - 1,) rising: a row's group is the number of edges at or below its mean prediction over the rungs.
    ``average``, ``standard_error`` (g, m): of the effect at each rung, from units that the models did not learn from.
    """

    edges: Numbers
    average: tuple[Numbers, ...]
    standard_error: tuple[Numbers, ...]


@dataclass(frozen=True)
class Rungs:
    """One outcome at the m rungs.

    ``weight``: precision of each rung's own part of the error (the control's is shared and pushes no rung past
    another). ``average``, ``standard_error``: the measured average effect. ``groups``: where units were held out.
    """

    weight: Numbers
    average: Numbers
    standard_error: Numbers
    groups: Groups | None = None


@dataclass(frozen=True)
class Ladder:
    """Offers ``arms`` (m,) with rising ``faces`` in cents; ``outcomes`` holds what was fitted and rises.

    Raises InputError for fewer than two rungs, faces that are no positive whole cents or do not rise, and rungs whose
    numbers are not m finite ones.
    """

    name: str
    arms: tuple[str, ...]
    faces: tuple[int, ...]
    outcomes: Mapping[str, Rungs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"ladder {self.name}"
        if len(self.arms) < 2 or len(set(self.arms)) < len(self.arms):
            raise InputError(f"{where} arms", list(self.arms), "at least two different offers")
        for face in self.faces:
            if not _is_whole(face) or face <= 0:
                raise InputError(f"{where} faces", face, "whole cents above 0")
        rising = all(low < high for low, high in zip(self.faces, self.faces[1:], strict=False))
        if len(self.faces) != len(self.arms) or not rising:
            raise InputError(f"{where} faces", list(self.faces), f"{len(self.arms)} faces, each above the one before")
        for outcome, rungs in self.outcomes.items():
            if outcome not in OUTCOMES:
                raise InputError(f"{where} outcomes", outcome, f"one of: {', '.join(OUTCOMES)}")
            _check_rungs(f"{where} {outcome}", rungs, len(self.arms))

    @cached_property
    def constrained(self) -> tuple[str, ...]:
        """The outcomes that rise, in the order of ``OUTCOMES``."""
        return tuple(outcome for outcome in OUTCOMES if outcome in self.outcomes)

    @cached_property
    def weights(self) -> tuple[Numbers, ...]:
        """Weights of the constrained outcomes, (q, m)."""
        return tuple(self.outcomes[outcome].weight for outcome in self.constrained)

    def check_face(self, face_cents: object, field: str = "face_cents") -> int:
        """A face value that is tried or lies between two tried ones; InputError for any other."""
        low, high = self.faces[0], self.faces[-1]
        if not _is_whole(face_cents) or not low <= face_cents <= high:
            wanted = f"whole cents from {low} to {high}: nothing is known beyond the tried faces of ladder {self.name}"
            raise InputError(field, face_cents, wanted)
        return face_cents

    def check_offer(self, offer: str, face_cents: object) -> int:
        """The same for an offer to be scored: between tried faces every outcome has to rise."""
        face = self.check_face(face_cents, f"face_cents of {offer}")
        falling = [outcome for outcome in OUTCOMES if outcome not in self.outcomes]
        if falling and face not in self.faces:
            wanted = f"one of {list(self.faces)}: {', '.join(falling)} was not found to rise in between"
            raise InputError(f"face_cents of {offer}", face, wanted)
        return face

    def around(self, face: int) -> tuple[int, int]:
        """Positions of the nearest rungs at or below and at or above a face."""
        below = max(j for j, tried in enumerate(self.faces) if tried <= face)
        return below, below if self.faces[below] == face else below + 1

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for an artefact's spec."""
        outcomes: dict[str, Any] = {}
        for outcome, rungs in self.outcomes.items():
            outcomes[outcome] = {name: list(getattr(rungs, name)) for name in ("weight", "average", "standard_error")}
            if rungs.groups is not None:
                groups = rungs.groups
                outcomes[outcome]["groups"] = {
                    "edges": list(groups.edges),
                    "average": [list(row) for row in groups.average],
                    "standard_error": [list(row) for row in groups.standard_error],
                }
        return {"name": self.name, "arms": list(self.arms), "faces": list(self.faces), "outcomes": outcomes}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Ladder:
        """Read and check what ``to_json`` wrote."""
        try:
            outcomes = {name: _rungs(rungs) for name, rungs in content["outcomes"].items()}
            return cls(content["name"], tuple(content["arms"]), tuple(content["faces"]), outcomes)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError("ladder", dict(content), f"name, arms, faces and outcomes ({error!r})") from error


def read_ladders(spec: Mapping[str, Any]) -> tuple[Ladder, ...]:
    """The ladders of an artefact's spec; an offer stands on at most one."""
    ladders = tuple(Ladder.from_json(content) for content in spec.get(KEY, ()))
    standing = [arm for ladder in ladders for arm in ladder.arms]
    for arm in standing:
        if arm not in spec["arms"][1:] or standing.count(arm) > 1:
            raise InputError("ladder arms", arm, f"offers of the model, each on one ladder: {list(spec['arms'][1:])}")
    return ladders


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _check_rungs(where: str, rungs: Rungs, m: int) -> None:
    rows: list[tuple[str, Sequence[float], float]] = [
        ("weight", rungs.weight, math.ulp(0.0)),
        ("average", rungs.average, -math.inf),
        ("standard_error", rungs.standard_error, 0.0),
    ]
    if rungs.groups is not None:
        edges, g = rungs.groups.edges, len(rungs.groups.average)
        if len(edges) != g - 1 or len(rungs.groups.standard_error) != g or list(edges) != sorted(edges):
            raise InputError(f"{where} groups", list(edges), "rising edges, one fewer than the groups")
        rows += [("groups average", row, -math.inf) for row in rungs.groups.average]
        rows += [("groups standard_error", row, 0.0) for row in rungs.groups.standard_error]
    for name, numbers, least in rows:
        if len(numbers) != m or not all(math.isfinite(number) and number >= least for number in numbers):
            wanted = f"{m} finite numbers" + {0.0: " of 0 or more", math.ulp(0.0): " above 0"}.get(least, "")
            raise InputError(f"{where} {name}", list(numbers), wanted)


def _rungs(content: Mapping[str, Any]) -> Rungs:
    groups = content.get("groups")
    return Rungs(
        tuple(content["weight"]),
        tuple(content["average"]),
        tuple(content["standard_error"]),
        None
        if groups is None
        else Groups(
            tuple(groups["edges"]),
            tuple(tuple(row) for row in groups["average"]),
            tuple(tuple(row) for row in groups["standard_error"]),
        ),
    )
