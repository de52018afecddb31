"""Both detectors in the registry: data only, read back as written, promoted by what they lose on later verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.errors import InputError
from models.abuse.detect import Detected
from models.registry import Artefact, Registry
from oracles.abuse_scenes import scene
from oracles.verdict_log import DAY, VerdictLog, verdict_log
from pipelines import train_detectors as pipeline
from pipelines.train_detectors import BOOSTED, LABEL_FREE, Past, boosted_artefact, boosted_score, learn_detectors
from serving.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def past_of(log: VerdictLog) -> Past:
    return Past(log.X, log.prior, log.at, log.user, log.names, log.verdicts)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Detected:
    folder = tmp_path_factory.mktemp("shop")
    tables = scene(seed=9, honest=60, copies=1)[0]
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    told = tables["users"][["user_id"]].head(5).assign(decided_at=pd.Timestamp("2026-04-20"), verdict="legitimate")
    told.to_parquet(folder / "verdicts.parquet")
    return pipeline._past(folder, None)[0]


@pytest.fixture
def settings(tmp_path: Path, found: Detected, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(pipeline, "_past", lambda folder, as_of: (found, past_of(verdict_log())))
    return Settings(home=tmp_path)


def test_both_detectors_are_logged_and_the_better_one_promoted(settings: Settings) -> None:
    done = learn_detectors(settings)
    assert done.promoted, done.reason
    assert done.figures["boosted_loss"] < done.figures["label_free_loss"]
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    boosted, plain = registry.champion(BOOSTED), registry.champion(LABEL_FREE)
    assert boosted is not None
    assert plain is not None
    assert pipeline.still_scores(plain.artefact)
    again = learn_detectors(settings)
    assert not again.promoted, "the same model is no better than itself"
    assert registry.version(BOOSTED) == done.boosted


@pytest.mark.parametrize("share", [0.0, -1.0])
def test_a_model_that_is_not_clearly_better_than_the_label_free_score_is_not_promoted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    made = boosted_artefact

    def believed(past: Past, moment: int) -> Artefact:
        artefact = made(past, moment)
        return replace(artefact, spec={**artefact.spec, "say": {"up": share, "down": share}})

    monkeypatch.setattr(pipeline, "boosted_artefact", believed)
    done = learn_detectors(settings)
    assert not done.promoted
    assert "label-free" in done.reason


def test_the_artefact_is_data_and_scores_the_same_when_read_back(tmp_path: Path) -> None:
    log = verdict_log()
    artefact = boosted_artefact(past_of(log), int(log.at.max()) + DAY)
    artefact.to_dir(tmp_path / "model")
    again = Artefact.from_dir(tmp_path / "model")
    scores = boosted_score(artefact, log.X, log.prior)
    assert (boosted_score(again, log.X, log.prior) == scores).all()
    assert ((scores > 0) & (scores < 1)).all()
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".txt"}
    assert again.spec["monotone"][list(again.features).index("device_same_bare_7d")] == 1


def test_a_logged_label_free_detector_tells_when_the_code_scores_differently(found: Detected) -> None:
    artefact = pipeline.label_free_artefact(found)
    assert pipeline.still_scores(artefact)
    golden = {**artefact.spec["golden"], "scores": [s * 0.9 for s in artefact.spec["golden"]["scores"]]}
    assert not pipeline.still_scores(Artefact(LABEL_FREE, {**artefact.spec, "golden": golden}))


def test_no_identifier_enters_an_artefact(found: Detected) -> None:
    text = json.dumps(dict(pipeline.label_free_artefact(found).spec))
    for column in ("device", "ip", "address", "user_id", "coupon_id"):
        for value in found.rows[column].dropna().unique()[:50]:
            assert f'"{value}"' not in text


@pytest.mark.parametrize("held_out", [0.0, 1.0])
def test_the_share_held_out_is_checked(tmp_path: Path, held_out: float) -> None:
    with pytest.raises(InputError, match="held_out"):
        learn_detectors(Settings(home=tmp_path), tmp_path, held_out=held_out)


def test_too_few_verdicts_are_refused_by_name(
    settings: Settings, found: Detected, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(past_of(verdict_log()), verdicts=verdict_log().verdicts.before(20_003 * DAY + 8 * DAY))
    monkeypatch.setattr(pipeline, "_past", lambda folder, as_of: (found, few))
    with pytest.raises(InputError, match="verdicts"):
        learn_detectors(settings)
