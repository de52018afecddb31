"""Champion and challenger of every model: when they were learnt, on what, and what the gate said.

Read from the registry; artefacts are its own checked format, never pickles. A version never changes, so its facts are
read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from models.registry import Registry
from models.registry.trail import CHALLENGER, CHAMPION, PROMOTE, Version, moves_of

log = structlog.get_logger(__name__)
NAMES = ("uplift", "policy", "abuse")
SHOWN = 10
_LEARNT = ("train_decisions", "uplift_version", "verdicts", "verdicts_used")


@dataclass(frozen=True)
class Side:
    """A version beside its rival. ``trained_until`` is UTC text or ""; ``learnt``: facts of what it rests on;
    ``readable`` is False for a version whose files are refused."""

    version: Version
    role: str
    reason: str
    trained_until: str = ""
    learnt: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    readable: bool = True


@dataclass(frozen=True)
class Model:
    """A model by name: its sides (champion, then challenger or else the newest other version), and its history."""

    name: str
    sides: tuple[Side, ...]
    versions: tuple[Version, ...]


class Sides:
    """Reads models of a registry; keeps the facts of versions that it has read."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str, str], tuple[Mapping[str, Any], Mapping[str, float]]] = {}

    def models(self) -> tuple[Model, ...]:
        """Every model, the three of the shop first; those that nobody logged have no versions."""
        names = (*NAMES, *(name for name in self._registry.names() if name not in NAMES))
        return tuple(self._model(name) for name in names)

    def _model(self, name: str) -> Model:
        history = self._registry.history(name)[::-1]
        champion = next((one for one in history if CHAMPION in one.aliases), None)
        others = [one for one in history if one is not champion]
        rival = next((one for one in others if CHALLENGER in one.aliases), others[0] if others else None)
        roles = ((champion, CHAMPION), (rival, CHALLENGER if rival and CHALLENGER in rival.aliases else "other"))
        sides = tuple(self._side(name, one, role) for one, role in roles if one is not None)
        return Model(name, sides, history[:SHOWN])

    def _side(self, name: str, version: Version, role: str) -> Side:
        promoted = [move for move in moves_of([version.tags]) if move.alias == CHAMPION and move.action == PROMOTE]
        reason = version.tags.get("gate_reason", "") or (promoted[-1].reason if promoted else "")
        key = (name, version.version, version.logged_at.isoformat())
        try:
            if key not in self._known:
                loaded = self._registry.load(name, version.version)
                self._known[key] = (loaded.artefact.spec, loaded.metrics)
        except Exception as error:  # files that are gone or were exchanged: the page goes on without their facts
            log.warning("no artefact", model=name, version=version.version, error=type(error).__name__)
            return Side(version, role, reason, readable=False)
        spec, metrics = self._known[key]
        learnt = {fact: spec[fact] for fact in _LEARNT if isinstance(spec.get(fact), int | float | str)}
        return Side(version, role, reason, str(spec.get("trained_until", "")), learnt, metrics)


def moment_of(text: str) -> datetime | None:
    """A moment that a spec gives, or None for what is not one."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
