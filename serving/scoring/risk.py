"""How risky is this, now: what stands on file, the abuse model on the user's links, and the live scorecard.

The model knows the account as of last night, the scorecard its company of this hour: the larger score and the stricter
action count. Without a model the scorecard's built-in rules answer alone, marked by their version. Neither ever
revokes, freezes or blocks: that waits for a person's verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from features.devices import device_id
from features.network import network
from serving.review.case import ACTIONS
from serving.scoring.champions import ABUSE, Champions
from serving.scoring.live import RULES_VERSION, Live, Weights, company_of, known_places, weigh
from serving.scoring.live_words import live_reasons
from serving.scoring.messages import LiveRisk, Reason, Risk, Subject
from serving.scoring.vectors import Facts

REASONS_GIVEN = 3
_MACHINE_LIMIT = ACTIONS.index("withhold")


def assess(
    champions: Champions, asks: Sequence[Subject], facts: Sequence[Facts], standings: Mapping[str, str]
) -> list[Risk]:
    """One risk per subject, in order."""
    weights = _weights(champions)
    lives = [
        weigh(near, fact.values, ask.terminal, weights) if (near := _near(ask)) else None
        for ask, fact in zip(asks, facts, strict=True)
    ]
    placed = [fact if live is None else _at_places(fact, live) for fact, live in zip(facts, lives, strict=True)]
    scores, reasons = _model(champions, placed)
    return [
        _risk(champions, ask, fact, standings.get(ask.user_id), score, why, live)
        for ask, fact, score, why, live in zip(asks, facts, scores, reasons, lives, strict=True)
    ]


def _near(ask: Subject) -> Mapping[str, float]:
    """The company that the caller tells of, or at least how many they are on things that can link."""
    if ask.live:
        return ask.live
    silent = {kind for kind, raw, link in (("device", ask.device_id, device_id), ("ip", ask.ip, network))
              if raw is not None and link(raw) is None}  # fmt: skip
    return {name: n for name, n in company_of(ask.counts).items() if name.partition("_")[0] not in silent}


def _at_places(fact: Facts, live: Live) -> Facts:
    """The facts with the accounts of a place that people share counted as far as the scorecard counts them.

    The model knows how many accounts are on a thing, not that it is a kiosk. Counts stay whole: to a tree, a
    thousandth of an account is more than none.
    """
    shares = {name.partition("_")[0]: share for name, share in live.lowered.items()}
    crowd = {
        name: float(round(value * shares[kind]))
        for name, value in fact.values.items()
        if (kind := name.partition("_")[0]) in shares and name.startswith(f"{kind}_others_")
    }
    return replace(fact, values={**fact.values, **crowd}) if crowd else fact


def _model(champions: Champions, facts: Sequence[Facts]) -> tuple[list[float | None], list[list[Reason]]]:
    artefact = champions.abuse
    if artefact is None:
        return [None] * len(facts), [[] for _ in facts]
    X = np.stack([fact.vector(artefact.features) for fact in facts])
    seen = [bool(there) for there in (~np.isnan(X)).sum(axis=1)]
    raw = artefact.predict(X)[ABUSE]
    scores = [
        calibrated(artefact.spec, float(score)) if there else None for score, there in zip(raw, seen, strict=True)
    ]
    why: list[list[Reason]] = [[] for _ in facts]
    notable = [i for i, score in enumerate(scores) if score is not None and action_for(artefact.spec, score) != "allow"]
    if notable:
        parts = artefact.contributions(ABUSE, X[notable])
        for i, row in zip(notable, parts, strict=True):
            why[i] = _reasons(artefact, X[i], row)
    return scores, why


def calibrated(spec: Mapping[str, Any], score: float) -> float:
    """The score as a probability: linear between the points of the spec's ``calibration`` (``x``, ``y``), if any."""
    table = spec.get("calibration")
    value = float(np.interp(score, table["x"], table["y"])) if table else score
    return min(1.0, max(0.0, value))


def action_for(spec: Mapping[str, Any], score: float) -> str:
    """The strictest action whose threshold the score reaches, as far as a machine may go.

    >>> action_for({"thresholds": {"hold": 0.5, "withhold": 0.9}}, 0.6)
    'hold'
    """
    reached = [action for action, threshold in spec["thresholds"].items() if score >= threshold]
    index = max((ACTIONS.index(action) for action in reached), default=0)
    return ACTIONS[min(index, _MACHINE_LIMIT)]


def _reasons(artefact: Any, x: Any, parts: Any) -> list[Reason]:
    """The features that raised the score most, in the words of the artefact; values fill ``{value}``."""
    texts: Mapping[str, Mapping[str, str]] = artefact.spec.get("reasons", {})
    order = np.argsort(-parts[:-1])[:REASONS_GIVEN]
    found = []
    for index in order:
        if parts[index] <= 0 or math.isnan(x[index]):
            continue
        name = artefact.features[index]
        words = texts.get(name, {"en": f"{name}: {{value}}", "zh": f"{name}:{{value}}"})
        value = f"{x[index]:g}"
        found.append(
            Reason(code=name, en=words["en"].replace("{value}", value), zh=words["zh"].replace("{value}", value))
        )
    return found


def _risk(
    champions: Champions,
    ask: Subject,
    fact: Facts,
    standing: str | None,
    score: float | None,
    why: list[Reason],
    live: Live | None,
) -> Risk:
    modelled = action_for(champions.abuse.spec, score) if champions.abuse is not None and score is not None else "allow"
    reasons = list(why)
    versions = {ABUSE: champions.version_of[ABUSE]} if ABUSE in champions.version_of else {}
    if live is not None and live.points:
        score = max(live.score, score if score is not None else 0.0)
        if live.action != "allow":
            modelled = stricter(modelled, live.action)
            reasons = [*live_reasons(_near(ask), live), *reasons]
            versions.setdefault("risk", RULES_VERSION)
    if standing == "watch":
        standing = None  # watched and not stopped: what a machine says of such a user counts as of any other
    if standing is not None:
        # A person has looked, or a case is open: what stands replaces the machine's own suggestion.
        modelled = standing
        if standing != "allow":
            reasons.insert(0, Reason(code="flagged", en="flagged before", zh="此前已被标记"))
    return Risk(
        user_id=ask.user_id,
        score=score,
        action=modelled,
        reasons=reasons,
        flagged=standing is not None,
        cold_start=not fact.known,
        versions=versions,
        live=None if live is None else _told(live, fact),
    )


def stricter(one: str, other: str) -> str:
    """The stricter of two actions.

    >>> stricter("hold", "allow")
    'hold'
    """
    return max(one, other, key=ACTIONS.index)


def _weights(champions: Champions) -> Weights | None:
    """The scorecard of the abuse model; None (the built-in rules) where there is none."""
    spec = champions.abuse.spec.get("live") if champions.abuse is not None else None
    return None if spec is None else Weights.of(spec)


def _told(live: Live, fact: Facts) -> LiveRisk:
    return LiveRisk(score=live.score, base=live.base, points=dict(live.points), known=known_places(fact.values))
