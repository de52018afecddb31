"""A trial spec: the YAML that turns any table of a randomised experiment into a ``Trial``.

unit: customer            # optional; rows of one unit stay together
arm: segment              # column with the arm of each unit
control: No E-Mail
arms: [Womens E-Mail]     # optional: only these arms and the control; rows of other arms are dropped
propensity: empirical     # or a column (of the taken arm), or {arm: number, fraction "1/3", or column}
value: spend * 0.3        # column or arithmetic of columns
outcomes: {visit: visit}  # optional: further outcomes to report
cost: {Womens E-Mail: 0.1}  # optional: column, arithmetic, number per treated unit, or number per arm
features: [recency]       # optional: default all columns not named above, less `drop`
drop: [id]
time: sent_at             # optional
cluster: household        # optional: units that were randomised together
ladder: {off_5: 500, off_10: 1000}  # optional: face values in cents of arms that differ in it alone

Where ``arms`` drops rows, propensities over all arms become those given that the arm was one of the listed: they are
divided by their sum over the listed arms. What value, cost, outcomes, arm or propensity read is never a feature.

A row whose value, outcome or cost is empty cannot be learnt from: it is left out and counted by arm
(``Trial.missing``), so that the check of attrition sees it. A cost that is empty for control rows is none. Infinities
are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from features.errors import InputError
from models.uplift.expression import Expression, numbers, parse
from models.uplift.reading import features_of, read_names, read_times
from models.uplift.spec_values import (
    cost_of,
    ladder_of,
    names_of,
    optional_of,
    outcomes_of,
    propensity_of,
    scalar_of,
    text_of,
)
from models.uplift.trial import Trial, check_propensity, check_treatment

KEYS = (
    "unit", "arm", "control", "arms", "propensity", "value", "outcomes", "cost", "features", "drop", "time", "cluster",
    "ladder",
)  # fmt: skip
EMPIRICAL = "empirical"
MOST_ARMS = 2000  # more values than this are an id or a measurement, not a design


@dataclass(frozen=True)
class TrialSpec:
    """The checked content of a spec; ``table`` applies it to data."""

    arm: str
    control: str
    value: Expression
    propensity: str | Mapping[str, float | str] = EMPIRICAL
    arms: tuple[str, ...] | None = None
    outcomes: Mapping[str, Expression] = field(default_factory=dict)
    cost: Expression | Mapping[str, float] | None = None
    unit: str | None = None
    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    time: str | None = None
    cluster: str | None = None
    ladder: Mapping[str, int] | None = None

    @classmethod
    def load(cls, path: Path) -> TrialSpec:
        """Read a YAML file; raises ``InputError`` naming the key that is wrong."""
        try:
            return cls.parse(yaml.safe_load(path.read_text("utf-8")))
        except OSError as error:
            raise InputError("spec", str(path), f"a file that can be read ({error.strerror})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError("spec", str(path), f"UTF-8 YAML ({type(error).__name__})") from error

    @classmethod
    def parse(cls, content: object) -> TrialSpec:
        """Check the content of a spec."""
        if not isinstance(content, Mapping):
            raise InputError("spec", content, "a YAML mapping with the keys of a trial spec")
        for key in content:
            if key not in KEYS:
                raise InputError(f"spec.{key}", "unknown key", f"one of {', '.join(KEYS)}")
        for key in ("arm", "control", "value"):
            if content.get(key) is None:
                raise InputError(f"spec.{key}", "missing key", "a value in the spec")
        return cls(
            arm=text_of(content, "arm"),
            control=text_of(content, "control"),
            value=parse(scalar_of(content["value"], "value"), "value"),
            propensity=propensity_of(content.get("propensity", EMPIRICAL)),
            arms=names_of(content, "arms"),
            outcomes=outcomes_of(content.get("outcomes") or {}),
            cost=cost_of(content.get("cost")),
            unit=optional_of(content, "unit"),
            features=names_of(content, "features"),
            drop=names_of(content, "drop") or (),
            time=optional_of(content, "time"),
            cluster=optional_of(content, "cluster"),
            ladder=ladder_of(content.get("ladder")),
        )

    def table(self, frame: pd.DataFrame) -> Trial:
        """Apply the spec to data; every row must make sense (``InputError`` otherwise), nothing is dropped silently."""
        if frame.empty:
            raise InputError("data", f"{len(frame)} rows", "a table with rows")
        self._check_columns(frame)
        labels = _labels(frame, self.arm)
        arms, everybody = self._arms(labels), len(labels)
        if self.arms is not None:
            kept = labels.isin(arms).to_numpy()
            frame, labels = frame[kept].reset_index(drop=True), labels[kept].reset_index(drop=True)
        treatment = pd.Index(arms).get_indexer(labels).astype(np.int64)
        check_treatment(treatment, arms)
        propensity = self._propensities(frame, treatment, arms, dropped=len(treatment) < everybody)
        check_propensity(propensity, treatment)
        unit = frame[self.unit].astype(str).to_numpy(dtype=object) if self.unit else None
        cluster = frame[self.cluster].astype(str).to_numpy(dtype=object) if self.cluster else None
        everything = Trial(
            X=features_of(frame[list(self._features(frame))]),
            treatment=treatment,
            arms=arms,
            propensity=propensity,
            value=_or_missing(self.value, frame, "value"),
            cost=self._costs(frame, treatment, arms),
            outcomes={name: _or_missing(outcome, frame, f"outcomes.{name}") for name, outcome in self.outcomes.items()},
            value_name=self.value.text,
            time=read_times(frame[self.time], "time").to_numpy("datetime64[us]") if self.time else None,
            cluster=unit if cluster is None and unit is not None and pd.Index(unit).has_duplicates else cluster,
            empirical=self.propensity == EMPIRICAL,
            unit=unit,
        )
        return _measured(everything)

    def _check_columns(self, frame: pd.DataFrame) -> None:
        named = [("arm", self.arm), ("unit", self.unit), ("time", self.time), ("cluster", self.cluster)]
        named += [("features", name) for name in self.features or ()] + [("drop", name) for name in self.drop]
        for key, name in named:
            if name is not None and name not in frame.columns:
                raise InputError(key, name, f"a column of the data: {', '.join(map(str, frame.columns))}")
        for key, column in (("unit", self.unit), ("cluster", self.cluster)):
            empty = int(frame[column].isna().sum()) if column is not None else 0
            if empty:
                raise InputError(key, f"{empty} empty rows in {column!r}", "a name in every row")

    def _arms(self, labels: pd.Series) -> tuple[str, ...]:
        found = set(labels)
        if len(found) > MOST_ARMS:
            raise InputError(
                "arm", self.arm, f"a column with at most {MOST_ARMS} arms, and it holds {len(found)} values"
            )
        if self.control not in found:
            quoted = "; YAML reads a bare yes, no, on or off as true or false: quote it"
            hint = quoted if self.control in ("True", "False") else ""
            raise InputError("control", self.control, f"an arm of the data: {', '.join(sorted(found))}{hint}")
        wanted = self.arms if self.arms is not None else sorted(found, key=_by_number)
        asked = [*wanted, *(self.propensity if isinstance(self.propensity, Mapping) else ())]
        asked += list(self.cost) if isinstance(self.cost, Mapping) else []
        for arm in self.ladder or ():
            if arm == self.control or arm not in wanted:
                raise InputError("ladder", arm, "an arm of the trial other than the control")
        for arm in asked:
            if arm not in found:
                raise InputError("arm", arm, f"an arm of the data: {', '.join(sorted(found))}")
        return (self.control, *(arm for arm in wanted if arm != self.control))

    def _features(self, frame: pd.DataFrame) -> tuple[str, ...]:
        if self.features is not None:
            for key, columns in self._after_design().items():
                for name in self.features:
                    if name in columns:
                        raise InputError("features", name, f"columns that {key} does not use")
            return tuple(name for name in self.features if name not in self.drop)
        used = {self.unit, self.time, self.cluster, *self.drop}.union(*self._after_design().values())
        kept = tuple(str(name) for name in frame.columns if name not in used)
        if not kept:
            raise InputError("features", "none left", "at least one column that is neither outcome nor design")
        return kept

    def _after_design(self) -> dict[str, tuple[str, ...]]:
        """Columns that hold the arm, its chance, or what came of it, by the key that reads them."""
        return {
            "arm": (self.arm,),
            "propensity": self._propensity_columns(),
            "value": self.value.columns,
            "cost": self.cost.columns if isinstance(self.cost, Expression) else (),
            **{f"outcomes.{name}": outcome.columns for name, outcome in self.outcomes.items()},
        }

    def _propensity_columns(self) -> tuple[str, ...]:
        if isinstance(self.propensity, str):
            return () if self.propensity == EMPIRICAL else (self.propensity,)
        return tuple(column for column in self.propensity.values() if isinstance(column, str))

    def _propensities(
        self, frame: pd.DataFrame, treatment: NDArray[np.int64], arms: tuple[str, ...], dropped: bool
    ) -> Any:
        n, K = len(treatment), len(arms)
        if isinstance(self.propensity, Mapping):
            return self._given(frame, arms)
        if self.propensity == EMPIRICAL:
            return np.tile(np.bincount(treatment, minlength=K) / n, (n, 1))
        result = np.full((n, K), np.nan)
        result[np.arange(n), treatment] = numbers(frame, self.propensity, "propensity")
        result = _filled_if_constant(result, treatment)
        if dropped and not np.isfinite(result).all():
            expected = "propensities per arm, or one constant per arm, since `arms` leaves rows of other arms out"
            raise InputError("propensity", self.propensity, expected)
        return result / result.sum(axis=1, keepdims=True) if dropped else result

    def _given(self, frame: pd.DataFrame, arms: tuple[str, ...]) -> Any:
        """Propensities per arm; those of arms that are not listed only tell how likely the listed ones were."""
        assert isinstance(self.propensity, Mapping)
        for arm in arms:
            if arm not in self.propensity:
                raise InputError("propensity", sorted(self.propensity), f"a propensity for every arm, also {arm!r}")
        order = (*arms, *(arm for arm in self.propensity if arm not in arms))
        given = (self.propensity[arm] for arm in order)
        columns = [numbers(frame, p, "propensity") if isinstance(p, str) else np.full(len(frame), p) for p in given]
        result = np.column_stack(columns)
        listed = result[:, : len(arms)]
        if len(order) == len(arms):
            return listed
        off = ~(np.abs(result.sum(axis=1) - 1) <= 1e-6)
        if off.any():
            raise InputError("propensity", float(result.sum(axis=1)[off][0]), "propensities of the arms that sum to 1")
        with np.errstate(divide="ignore", invalid="ignore"):  # no chance for any listed arm: refused by its taken one
            return listed / listed.sum(axis=1, keepdims=True)

    def _costs(self, frame: pd.DataFrame, treatment: NDArray[np.int64], arms: tuple[str, ...]) -> Any:
        if isinstance(self.cost, Mapping):
            for arm in arms[1:]:
                if arm not in self.cost:
                    raise InputError("cost", dict(self.cost), f"a cost for every arm, also {arm!r}")
            return np.array([self.cost.get(arm, 0.0) for arm in arms])[treatment]
        if self.cost is None:
            return np.zeros(len(treatment))
        values = _or_missing(self.cost, frame, "cost")
        if not self.cost.columns:
            return np.where(treatment > 0, values, 0.0)
        return np.where(np.isnan(values) & (treatment == 0), 0.0, values)  # nothing given, so nothing written down


def _filled_if_constant(propensity: Any, treatment: NDArray[np.int64]) -> Any:
    """When every arm has one constant in the log, the other arms' probabilities are known as well."""
    by_arm = [propensity[treatment == k, k] for k in range(propensity.shape[1])]
    constants = np.array([values[0] for values in by_arm])
    alike = all((values == values[0]).all() for values in by_arm)
    return np.tile(constants, (len(treatment), 1)) if alike else propensity


def _by_number(arm: str) -> list[tuple[int, str]]:
    """Sorts ``5`` before ``10`` and ``off_5`` before ``off_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", arm)]


def _labels(frame: pd.DataFrame, column: str) -> pd.Series:
    if frame[column].isna().any():
        raise InputError("arm", f"{int(frame[column].isna().sum())} empty rows in {column!r}", "an arm for every unit")
    return read_names(frame[column])


def _or_missing(expression: Expression, frame: pd.DataFrame, field: str) -> NDArray[np.float64]:
    """Values (n,), NaN only where a column that the expression reads is empty."""
    values = expression.values(frame)
    empty = frame[list(expression.columns)].isna().any(axis=1).to_numpy() if expression.columns else False
    bad = ~np.isfinite(values) & ~(np.isnan(values) & empty)
    if bad.any():
        raise InputError(field, values[bad][0].item(), f"finite numbers from {expression.text!r} ({bad.sum()} are not)")
    return values


def _measured(trial: Trial) -> Trial:
    """The rows whose figures are all there; the others are counted by arm."""
    known = np.isfinite(trial.value) & np.isfinite(trial.cost)
    for values in trial.outcomes.values():
        known &= np.isfinite(values)
    missing = np.bincount(trial.treatment[~known], minlength=len(trial.arms))
    left = np.bincount(trial.treatment[known], minlength=len(trial.arms))
    if (left < 2).any():
        arm = trial.arms[int(left.argmin())]
        raise InputError(
            "value", f"{int(left.min())} measured rows of {arm!r}", "at least 2 rows per arm that are not empty"
        )
    return replace(trial if known.all() else trial.rows(known), missing=missing.astype(np.int64))
