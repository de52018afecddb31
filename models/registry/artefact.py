"""A model as files that anyone can read: LightGBM text per booster and one JSON manifest.

The manifest holds the kind, the specification, the SHA-256 of every file and golden rows (inputs and the outputs they
gave when the model was written). Reading checks the hashes first, then predicts the golden rows: a file that was
changed, lost, or that this version of LightGBM reads differently is refused before it answers anybody.
Nothing is unpickled, so reading a model cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.registry.ladder import Ladder, read_ladders
from models.registry.merged import merged

MANIFEST = "manifest.json"
FORMAT = "fairdeal-artefact/1"
GOLDEN_ROWS = 16
FEW_ROWS = 500  # up to so many, one call for all boosters is faster; beyond, each booster alone uses the caches better

Matrix = NDArray[np.float64]


class ArtefactError(InputError):
    """The files are not the model that was written."""


@dataclass(frozen=True)
class Artefact:
    """One model: what it is (``kind``, ``spec``), its boosters as LightGBM text, and rows to check it by.

    ``spec`` is plain JSON; for models with boosters it names ``features`` in column order. ``golden`` is (m, d), a
    sample of real inputs; without it a fixed grid is used.
    """

    kind: str
    spec: Mapping[str, Any]
    boosters: Mapping[str, str] = field(default_factory=dict)
    golden: Matrix | None = field(default=None, compare=False)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of ``X``, in order."""
        return tuple(self.spec.get("features", ()))

    def predict(self, X: Matrix) -> dict[str, Matrix]:
        """Raw score of every booster for float64 rows (n, d), each (n,); NaN is a missing value.

        One thread: two threads made the slowest single-row answers sixty times slower.
        """
        X = self._rows(X)
        if len(X) <= FEW_ROWS and self._together is not None:
            scores = self._together.predict(X, num_threads=1)
            return {name: scores[:, column] for column, name in enumerate(self.boosters)}
        return {name: booster.predict(X, num_threads=1) for name, booster in self._loaded.items()}

    def contributions(self, name: str, X: Matrix) -> Matrix:
        """Shapley values of one booster, (n, d + 1): a column per feature and last the expected score."""
        if name not in self.boosters:
            raise InputError("booster", name, f"one of {sorted(self.boosters)}")
        values: Matrix = self._loaded[name].predict(self._rows(X), pred_contrib=True, num_threads=1)
        return values

    def to_dir(self, folder: Path) -> str:
        """Write the files, the manifest last; gives the digest (SHA-256 of the manifest) that pins them all."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {name: f"booster-{index:03d}.txt" for index, name in enumerate(self.boosters)}
        hashes = {}
        for name, file in names.items():
            content = self.boosters[name].encode("utf-8")
            (folder / file).write_bytes(content)
            hashes[file] = hashlib.sha256(content).hexdigest()
        inputs = self._golden_inputs()
        manifest = {
            "format": FORMAT,
            "kind": self.kind,
            "spec": dict(self.spec),
            "boosters": names,
            "sha256": hashes,
            "golden": {
                "inputs": [[None if math.isnan(value) else value for value in row] for row in inputs.tolist()],
                "outputs": {name: scores.tolist() for name, scores in self.predict(inputs).items()},
            },
        }
        try:
            content = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (TypeError, ValueError) as error:
            raise InputError("artefact spec", dict(self.spec), f"plain JSON without NaN ({error})") from error
        (folder / MANIFEST).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def from_dir(cls, folder: Path, digest: str | None = None) -> Artefact:
        """Read, check hashes, check golden rows. ``digest`` (from ``to_dir``) also guards the manifest itself.

        Raises ``ArtefactError`` naming the file, or the booster, that is not what was written.
        """
        manifest = _read_manifest(folder, digest)
        boosters = {}
        for name, file in manifest["boosters"].items():
            if Path(file).name != file:  # never read outside the folder
                raise ArtefactError("artefact file", file, "a plain file name inside the artefact's folder")
            boosters[name] = _read_checked(folder / file, manifest["sha256"].get(file)).decode("utf-8")
        rows = manifest["golden"]["inputs"]
        golden = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float) if rows else None
        artefact = cls(manifest["kind"], manifest["spec"], boosters, golden)
        artefact._check_golden(manifest["golden"]["outputs"])
        return artefact

    @cached_property
    def ladders(self) -> tuple[Ladder, ...]:
        """The ladders that its offers form, checked once; see ``models.registry.ladder``."""
        return read_ladders(self.spec)

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        if not self.boosters:
            return {}
        import lightgbm  # takes seconds: only when a model is really read

        try:
            return {name: lightgbm.Booster(model_str=text) for name, text in self.boosters.items()}
        except lightgbm.basic.LightGBMError as error:
            raise ArtefactError("booster", sorted(self.boosters), f"LightGBM model text ({error})") from error

    @cached_property
    def _together(self) -> Any | None:
        """All boosters as one, where that gives the same bits; see ``models.registry.merged``."""
        text = merged(tuple(self.boosters.values()))
        if text is None:
            return None
        import lightgbm

        try:
            return lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise ArtefactError("booster", sorted(self.boosters), f"LightGBM model text ({error})") from error

    def _rows(self, X: Matrix) -> Matrix:
        X = np.ascontiguousarray(X, dtype=np.float64)
        if X.ndim != 2 or (self.features and X.shape[1] != len(self.features)):
            raise InputError("rows", X.shape, f"an array (n, {len(self.features) or 'd'})")
        return X

    def _golden_inputs(self) -> Matrix:
        if self.golden is not None:
            return self._rows(self.golden[:GOLDEN_ROWS])
        width = max((booster.num_feature() for booster in self._loaded.values()), default=0)
        grid = np.random.default_rng(0).normal(scale=10.0, size=(GOLDEN_ROWS, width))
        grid[0], grid[1] = 0.0, np.nan
        return grid

    def _check_golden(self, outputs: Mapping[str, list[float]]) -> None:
        if set(outputs) != set(self.boosters):
            raise ArtefactError("golden rows", sorted(outputs), f"rows for every booster: {sorted(self.boosters)}")
        if self.golden is None:
            return
        for name, scores in self.predict(self.golden).items():
            written = np.asarray(outputs[name], dtype=float)
            if scores.shape != written.shape or not np.allclose(scores, written, rtol=1e-9, atol=1e-12):
                raise ArtefactError(f"golden rows of {name}", scores.tolist(), f"the written scores {outputs[name]}")


def _read_manifest(folder: Path, digest: str | None) -> dict[str, Any]:
    content = _read_checked(folder / MANIFEST, digest)
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ArtefactError(MANIFEST, str(folder / MANIFEST), f"JSON ({error})") from error
    wanted = {"format", "kind", "spec", "boosters", "sha256", "golden"}
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or set(manifest) != wanted:
        raise ArtefactError(MANIFEST, str(folder / MANIFEST), f"format {FORMAT} with {sorted(wanted)}")
    return manifest


def _read_checked(path: Path, sha256: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError("artefact file", str(path), f"a readable file ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if path.name != MANIFEST and sha256 is None:
        raise ArtefactError("artefact file", path.name, "a hash in the manifest")
    if sha256 is not None and found != sha256:
        raise ArtefactError(f"sha256 of {path.name}", found, f"{sha256}: the file was changed after it was written")
    return content
