"""Versions are logged, promoted by alias, rolled back, and refused when their files changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from models.registry import Artefact, ArtefactError, Registry
from models.registry.trail import CHALLENGER, check_reason


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


def test_promotion_moves_the_alias_and_says_who_did_it_and_why(registry: Registry, model_name: str) -> None:
    first, second = (registry.log(model_name, policy(price), {}, {}) for price in (1.0, 2.0))
    registry.promote(model_name, first, reason="first model", by="gate")
    move = registry.promote(model_name, second, reason="beat version 1", by="gate")
    champion = registry.champion(model_name)
    assert champion is not None
    assert champion.artefact.spec["price"] == 2.0
    assert (move.before, move.version, move.by, move.reason) == (first, second, "gate", "beat version 1")
    assert registry.trail(model_name)[-1] == move
    assert registry.versions(model_name) == (first, second)


def test_rolling_back_twice_goes_two_versions_back(registry: Registry, model_name: str) -> None:
    versions = [registry.log(model_name, policy(float(price)), {}, {}) for price in range(3)]
    for version in versions:
        registry.promote(model_name, version)
    registry.roll_back(model_name, reason="complaints", by="Li Na")
    assert registry.version(model_name) == versions[1]
    registry.roll_back(model_name, reason="still", by="Li Na")
    assert registry.version(model_name) == versions[0]
    assert [(move.action, move.version) for move in registry.trail(model_name)] == [
        *(("promote", version) for version in versions),
        ("rollback", versions[1]),
        ("rollback", versions[0]),
    ]
    with pytest.raises(InputError, match="expected a version that followed another one"):
        registry.roll_back(model_name, reason="once more", by="Li Na")


def test_a_promotion_after_a_rollback_can_itself_be_rolled_back(registry: Registry, model_name: str) -> None:
    versions = [registry.log(model_name, policy(float(price)), {}, {}) for price in range(3)]
    registry.promote(model_name, versions[0])
    registry.promote(model_name, versions[1])
    registry.roll_back(model_name, reason="bad", by="Li Na")
    registry.promote(model_name, versions[2])
    registry.roll_back(model_name, reason="worse", by="Li Na")
    assert registry.version(model_name) == versions[0]


def test_the_challenger_has_an_alias_of_its_own(registry: Registry, model_name: str) -> None:
    first, second = (registry.log(model_name, policy(price), {}, {}) for price in (1.0, 2.0))
    registry.promote(model_name, first)
    registry.promote(model_name, second, CHALLENGER)
    assert [one.aliases for one in registry.history(model_name)] == [("champion",), ("challenger",)]
    registry.clear(model_name, CHALLENGER, reason="it lost again", by="gate")
    registry.clear(model_name, CHALLENGER, reason="nothing to clear", by="gate")
    assert registry.version(model_name, CHALLENGER) is None
    assert registry.version(model_name) == first
    assert [move.action for move in registry.trail(model_name)] == ["promote", "promote", "clear"]


def test_a_version_that_does_not_exist_is_not_promoted(registry: Registry, model_name: str) -> None:
    version = registry.log(model_name, policy(1.0), {}, {})
    with pytest.raises(InputError, match=f"got '99', expected one of {version}"):
        registry.promote(model_name, "99")
    assert registry.trail(model_name) == ()


def test_a_model_that_was_never_logged_has_no_history(registry: Registry, model_name: str) -> None:
    assert registry.history(model_name) == ()
    assert model_name not in registry.names()
    registry.log(model_name, policy(1.0), {}, {})
    assert model_name in registry.names()


def test_the_card_comes_back_as_it_was_logged(registry: Registry, model_name: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"model": "uplift"}')
    with_card = registry.log(model_name, policy(1.0), {}, {}, report_dir=tmp_path)
    without = registry.log(model_name, policy(2.0), {}, {})
    assert registry.card(model_name, with_card) == {"model": "uplift"}
    assert registry.card(model_name, without) is None
    with pytest.raises(InputError, match="got '99'"):
        registry.card(model_name, "99")


@pytest.mark.parametrize("words", ["", "   ", "two\nlines", "x" * 1001])
def test_a_reason_is_one_line(words: str) -> None:
    with pytest.raises(InputError, match="one line of 1 to 1000 characters"):
        check_reason("Li Na", words)


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
