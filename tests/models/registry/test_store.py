"""Versions are logged, promoted by alias, rolled back, and refused when their files changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from models.registry import Artefact, ArtefactError, Registry


def policy(price: float) -> Artefact:
    return Artefact("policy", {"price": price})


def test_there_is_no_champion_before_the_first_promotion(registry: Registry, model_name: str) -> None:
    assert registry.champion(model_name) is None
    registry.log(model_name, policy(1.0), {}, {})
    assert registry.champion(model_name) is None


def test_a_logged_version_comes_back_with_metrics_and_artefact(registry: Registry, model_name: str) -> None:
    version = registry.log(model_name, policy(1.5), {"rounds": 60}, {"profit_per_user_cents": np.float64(12.5)})
    loaded = registry.load(model_name, version)
    assert (loaded.name, loaded.version, loaded.artefact) == (model_name, version, policy(1.5))
    assert loaded.metrics == {"profit_per_user_cents": 12.5}


def test_promotion_moves_the_alias_and_rolling_back_is_promoting_the_older(registry: Registry, model_name: str) -> None:
    first = registry.log(model_name, policy(1.0), {}, {})
    second = registry.log(model_name, policy(2.0), {}, {})
    registry.promote(model_name, first, reason="first model")
    registry.promote(model_name, second, reason="beat version 1")
    champion = registry.champion(model_name)
    assert champion is not None
    assert champion.artefact.spec["price"] == 2.0
    assert champion.tags["promoted_champion"] == "beat version 1"
    registry.promote(model_name, first)
    assert registry.version(model_name) == first
    assert registry.versions(model_name) == (first, second)


def test_the_report_travels_with_the_run(registry: Registry, model_name: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    version = registry.log(model_name, policy(1.0), {}, {}, report_dir=tmp_path)
    run_id = registry.load(model_name, version).run_id
    [report] = (Path(registry.artifact_root) / model_name).glob(f"{run_id}/artifacts/report/report.json")
    assert report.read_text() == "{}"


def test_files_exchanged_in_the_store_are_refused_even_with_matching_hashes(
    registry: Registry, model_name: str
) -> None:
    version = registry.log(model_name, policy(1.0), {}, {})
    run_id = registry.load(model_name, version).run_id
    policy(0.0).to_dir(Path(registry.artifact_root) / model_name / run_id / "artifacts" / "model")
    with pytest.raises(ArtefactError, match=r"sha256 of manifest\.json"):
        registry.load(model_name, version)


@pytest.mark.parametrize("asked", ["challenger", "99"])
def test_an_unknown_alias_or_version_is_named(registry: Registry, model_name: str, asked: str) -> None:
    registry.log(model_name, policy(1.0), {}, {})
    with pytest.raises(InputError, match=f"got '{asked}', expected an alias or version that exists"):
        registry.load(model_name, asked)
