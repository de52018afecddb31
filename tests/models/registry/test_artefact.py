"""An artefact answers as it did when it was written, or is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from features.errors import InputError
from models.registry import Artefact, ArtefactError, effects
from models.registry.artefact import MANIFEST
from models.registry.merged import merged

FEATURES = ["recency", "frequency", "money"]


def booster(seed: int = 0, scale: float = 1.0) -> tuple[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    X[::7, 1] = np.nan
    y = scale * (X[:, 0] + np.where(np.isnan(X[:, 1]), 2.0, 0.0))
    params = {"num_leaves": 4, "num_threads": 1, "verbosity": -1}
    return lightgbm.train(params, lightgbm.Dataset(X, y), 8).model_to_string(), X


@pytest.fixture(scope="module")
def uplift() -> Artefact:
    value, X = booster()
    cost, _ = booster(1, -5.0)
    spec = {"features": FEATURES, "arms": ["none", "cut_100_10", "满减"]}
    return Artefact("uplift", spec, {"value:满减": value, "cost:满减": cost, "value:cut_100_10": value}, golden=X)


@pytest.fixture
def written(uplift: Artefact, tmp_path: Path) -> tuple[Path, str]:
    return tmp_path / "model", uplift.to_dir(tmp_path / "model")


def test_a_written_artefact_reads_back_with_equal_predictions(uplift: Artefact, written: tuple[Path, str]) -> None:
    again = Artefact.from_dir(*written)
    rows = np.array([[0.1, np.nan, 3.0], [1e12, -1.0, 0.0]])
    assert again == uplift
    for name, scores in uplift.predict(rows).items():
        np.testing.assert_array_equal(again.predict(rows)[name], scores)


def test_the_digest_depends_on_content_only(uplift: Artefact, written: tuple[Path, str], tmp_path: Path) -> None:
    assert uplift.to_dir(tmp_path / "elsewhere") == written[1]


@pytest.mark.parametrize("file", ["booster-000.txt", "booster-002.txt"])
def test_a_changed_booster_is_refused_by_name(written: tuple[Path, str], file: str) -> None:
    path = written[0] / file
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"leaf_value=(\S+)", "leaf_value=9", text, count=1), "utf-8")
    with pytest.raises(ArtefactError, match=f"sha256 of {file}.*changed after it was written"):
        Artefact.from_dir(written[0])


def test_a_lost_booster_is_refused(written: tuple[Path, str]) -> None:
    (written[0] / "booster-001.txt").unlink()
    with pytest.raises(ArtefactError, match=r"booster-001\.txt"):
        Artefact.from_dir(written[0])


def rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}), "utf-8")


def test_a_rewritten_manifest_is_refused_by_its_digest(written: tuple[Path, str]) -> None:
    rewrite(written[0], kind="abuse")
    with pytest.raises(ArtefactError, match=r"sha256 of manifest\.json"):
        Artefact.from_dir(*written)


def test_golden_rows_that_predict_otherwise_are_refused(written: tuple[Path, str]) -> None:
    golden = json.loads((written[0] / MANIFEST).read_text("utf-8"))["golden"]
    golden["outputs"]["value:满减"][3] += 0.001
    rewrite(written[0], golden=golden)
    with pytest.raises(ArtefactError, match="golden rows of value:满减"):
        Artefact.from_dir(written[0])


def test_a_manifest_may_not_name_files_outside_its_folder(written: tuple[Path, str]) -> None:
    rewrite(written[0], boosters={"value:满减": "../booster-000.txt"})
    with pytest.raises(ArtefactError, match="plain file name"):
        Artefact.from_dir(written[0])


@pytest.mark.parametrize("content", ["", "[]", '{"format": "other"}', "\x00"])
def test_a_manifest_that_is_not_ours_is_refused(written: tuple[Path, str], content: str) -> None:
    (written[0] / MANIFEST).write_text(content)
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        Artefact.from_dir(written[0])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="a readable file"):
        Artefact.from_dir(tmp_path)


def test_a_policy_artefact_has_a_spec_and_no_boosters(tmp_path: Path) -> None:
    policy = Artefact("policy", {"price": 1.25, "arms": ["none", "flat_8"]})
    digest = policy.to_dir(tmp_path)
    assert Artefact.from_dir(tmp_path, digest) == policy
    assert policy.predict(np.zeros((2, 5))) == {}


def test_a_spec_that_is_not_plain_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="plain JSON without NaN"):
        Artefact("policy", {"price": float("nan")}).to_dir(tmp_path)


def test_rows_of_another_width_are_refused(uplift: Artefact) -> None:
    with pytest.raises(InputError, match=r"rows: got \(1, 2\)"):
        uplift.predict(np.zeros((1, 2)))


def test_contributions_sum_to_the_score(uplift: Artefact) -> None:
    rows = np.array([[0.3, np.nan, 1.0], [-0.3, 1.0, 2.0]])
    parts = uplift.contributions("value:满减", rows)
    assert parts.shape == (2, 4)
    np.testing.assert_allclose(parts.sum(axis=1), uplift.predict(rows)["value:满减"], atol=1e-9)


def test_effects_put_the_control_first_and_never_expect_a_negative_discount(uplift: Artefact) -> None:
    rows = np.random.default_rng(3).normal(size=(50, 3))
    found, scores = effects(uplift, rows), uplift.predict(rows)
    assert found.arms == ("none", "cut_100_10", "满减")
    assert not found.value[:, 0].any()
    np.testing.assert_array_equal(found.value[:, 2], scores["value:满减"])
    np.testing.assert_array_equal(found.cost[:, 2], np.maximum(scores["cost:满减"], 0))
    np.testing.assert_array_equal(found.profit, found.value - found.cost)


def test_effects_are_asked_of_uplift_artefacts_only() -> None:
    with pytest.raises(InputError, match="artefact kind: got 'policy', expected uplift"):
        effects(Artefact("policy", {}), np.zeros((1, 1)))


def test_importing_the_registry_loads_neither_learners_nor_mlflow() -> None:
    heavy = "{'sklearn', 'lightgbm', 'mlflow', 'models.uplift'}"
    code = f"import sys, models.registry; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_boosters_put_together_give_the_bits_of_each_alone() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(600, 4)) * [1, 1e3, 1e-3, 5]
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 3] = np.abs(np.nan_to_num(X[:, 3])).astype(int)
    rounds = {"value:a": 1, "value:b": 30, "cost:a": 7, "cost:b": 12}
    params = {"num_leaves": 6, "num_threads": 1, "verbosity": -1}
    texts = {
        name: lightgbm.train(
            params, lightgbm.Dataset(X, rng.normal(10, 1e4, 600), categorical_feature=[3]), count
        ).model_to_string()
        for name, count in rounds.items()
    }
    found = Artefact("uplift", {"features": ["a", "b", "c", "d"]}, texts).predict(X)
    assert merged(list(texts.values())) is not None
    for name, text in texts.items():
        np.testing.assert_array_equal(found[name], lightgbm.Booster(model_str=text).predict(X, num_threads=1))


def test_boosters_with_a_link_or_another_width_are_asked_one_by_one() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(200, 3))
    quiet = {"num_threads": 1, "verbosity": -1}
    plain = lightgbm.train(quiet, lightgbm.Dataset(X, X[:, 0]), 3).model_to_string()
    narrow = lightgbm.train(quiet, lightgbm.Dataset(X[:, :2], X[:, 0]), 3).model_to_string()
    chance = lightgbm.train({**quiet, "objective": "binary"}, lightgbm.Dataset(X, X[:, 0] > 0), 3).model_to_string()
    assert merged([plain]) is None
    assert merged([plain, narrow]) is None
    assert merged([plain, chance]) is None
    found = Artefact("uplift", {"features": FEATURES}, {"value": plain, "redeem": chance}).predict(X)
    assert 0 < found["redeem"].min() < found["redeem"].max() < 1
