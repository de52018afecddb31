"""``fairdeal models`` lists versions, shows cards, and moves the alias for people who give a name and a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from typer.testing import CliRunner

from features.errors import InputError
from models.registry import Artefact, Registry
from pipelines.cli import console
from pipelines.cli.app import app
from serving.scoring.champions import Holder
from serving.scoring.sources import Row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with three uplift versions (one with a card) and a policy that was priced for the second."""
    home = tmp_path_factory.mktemp("models") / "home"
    registry = registry_of(home)
    report = home / "report"
    report.mkdir(parents=True)
    (report / "card.json").write_text(json.dumps(CARD), "utf-8")
    for number in (1, 2, 3):
        version = registry.log(
            "uplift", Artefact("uplift", {"arms": ["none"]}), {}, {}, report if number == 2 else None
        )
        passed = number < 3
        reason = f"beats no_one by {number}" if passed else "not shown to beat champion [0.1, 0.2]"
        registry.note("uplift", version, gate="passed" if passed else "not passed", gate_reason=reason)
        registry.promote("uplift", version, "champion" if passed else "challenger", reason=reason, by="gate")
    priced = registry.log("policy", Artefact("policy", {"uplift_version": "2"}), {}, {})
    registry.promote("policy", priced)
    return home


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDEAL_HOME", str(home))
    monkeypatch.setattr(console.out, "width", 200)  # nothing of the table is folded


def registry_of(home: Path) -> Registry:
    return Registry(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}", home / "mlflow" / "artefacts")


class NoFeatures:
    """A feature store that is there and serves nothing."""

    def check(self) -> None: ...

    def names(self, group: str) -> tuple[str, ...]:
        return ()

    def read_many(self, group: str, keys: Sequence[str]) -> Sequence[Row]:
        return []


def fairdeal(*words: str) -> str:
    result = CliRunner().invoke(app, ["models", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_list_says_what_answers_and_what_the_gate_said() -> None:
    rows = json.loads(fairdeal("--json"))
    assert [(row["model"], row["version"], row["aliases"], row["gate"]) for row in rows] == [
        ("policy", "1", "champion", ""),
        ("uplift", "1", "", "passed"),
        ("uplift", "2", "champion", "passed"),
        ("uplift", "3", "challenger", "not passed"),
    ]
    shown = fairdeal()
    assert "not shown to beat champion" in shown
    assert "[0.1, 0.2]" in shown


def test_show_gives_the_card_of_the_champion_and_its_trail() -> None:
    shown = fairdeal("show", "uplift")
    assert "uplift version 2 (champion)" in shown
    assert "36,054 decisions of 15,000 users" in shown
    assert "without 3 decisions of known abusers" in shown
    assert "ahead of it by estimate: response_ranking" in shown
    assert "only for the offers tried" in shown
    assert "promote champion from version 1, by gate: beats no_one by 2" in shown
    told = json.loads(fairdeal("show", "uplift", "2", "--json"))
    assert told["card"] == CARD
    assert [move["action"] for move in told["moves"]] == ["promote"]


def test_show_says_when_a_version_has_no_card() -> None:
    shown = fairdeal("show", "uplift", "1")
    assert "none was logged with this version" in shown


def test_a_rollback_is_taken_over_by_whoever_polls_the_alias(home: Path) -> None:
    scoring = Holder(registry_of(home), NoFeatures())
    assert scoring.refresh().version_of["uplift"] == "2"
    told = fairdeal("rollback", "uplift", "--reason", "complaints about flat_20", "--by", "Li Na")
    assert "uplift: version 1 is the champion (before: 2)" in told
    assert "the policy was priced for uplift 2; fairdeal run choose_coupons prices it for 1" in told
    assert scoring.refresh().version_of["uplift"] == "1"
    assert "by Li Na: complaints about flat_20" in fairdeal("show", "uplift", "1")
    back = fairdeal("promote", "uplift", "2", "--reason", "it was the budget", "--by", "Wang Wei")
    assert "version 2 is the champion (before: 1)" in back
    assert "priced" not in back
    assert scoring.refresh().version_of["uplift"] == "2"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "uplif"], "model: got 'uplif', expected one of policy, uplift"),
        (["show", "uplift", "9"], "version of uplift: got '9', expected one of 1, 2, 3"),
        (["promote", "uplift", "9", "--reason", "r", "--by", "b"], "version of uplift: got '9', expected one of 1, 2"),
        (["promote", "uplift", "1", "--reason", " ", "--by", "b"], "reason: got ' ', expected one line"),
        (["promote", "uplift", "1", "--reason", "r", "--by", ""], "by: got '', expected one line"),
        (["rollback", "policy", "--reason", "r", "--by", "b"], "champion of policy: got '1', expected a version that"),
    ],
)  # fmt: skip
def test_bad_input_is_named(words: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        fairdeal(*words)
    assert message in str(caught.value)


def test_an_installation_without_models_is_told_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path / "empty"))
    with pytest.raises(InputError, match="fairdeal run train_uplift makes one"):
        fairdeal()
    assert not (tmp_path / "empty").exists(), "looking must not make a registry"


def test_bad_input_is_one_line_and_exit_2() -> None:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "models", "show", "nothing"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines() == ["fairdeal: model: got 'nothing', expected one of policy, uplift"]


def test_an_uplift_artefact_answers_without_our_learners(tmp_path: Path) -> None:
    """Only lightgbm, numpy and json: neither our learners nor the libraries they are made with can be imported."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    text = lightgbm.train(
        {"num_leaves": 4, "num_threads": 1, "verbosity": -1}, lightgbm.Dataset(X, X[:, 0] * 100), 5
    ).model_to_string()
    artefact = Artefact("uplift", {"features": ["a", "b"], "arms": ["none", "flat_8"]}, {"value:flat_8": text}, X)
    digest = artefact.to_dir(tmp_path / "model")
    expected = artefact.predict(X[:3])["value:flat_8"].tolist()
    code = f"""
import sys, json
blocked = ("models.uplift", "models.abuse", "sklearn", "mlflow", "prefect", "pickle5", "cloudpickle", "joblib")
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(blocked):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
from pathlib import Path
import numpy as np
from models.registry import Artefact, effects
artefact = Artefact.from_dir(Path({str(tmp_path / "model")!r}), {digest!r})
rows = np.array({X[:3].tolist()!r})
print(json.dumps(effects(artefact, rows).value[:, 1].tolist()))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout) == expected


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


CARD = {
    "purpose": {"en": "Estimates effects.", "zh": "估计效应。"},
    "data": {
        "train": {"decisions": 36054, "users": 15000, "from": "2026-01-01T00:00:00", "until": "2026-03-01T00:00:00"},
        "held_out": {"decisions": 12018, "users": 9000, "from": "2026-03-01T00:00:01", "until": "2026-04-01T00:00:00"},
        "abusive": {"users": 2, "train": {"verdict": 1, "flag": 2}, "held_out": {"verdict": 0, "flag": 0}},
        "decisions_read": 48075,
        "left_out": {"not_drawn_at_random": 0},
        "propensity": {"source": {"en": "logged with every decision", "zh": "随每次决策记录"}, "lowest": 0.05,
                       "highest": 0.4},
    },
    "judged": {
        "standings": {
            "candidate": {"profit": interval(90), "cost": interval(10), "lead_over_it": None},
            "response_ranking": {"profit": interval(91), "cost": interval(10), "lead_over_it": interval(-1)},
        },
        "ahead_of_the_model": ["response_ranking"],
        "not_shown_to_be_behind": ["response_ranking"],
    },
    "limits": [{"en": "only for the offers tried", "zh": "仅适用于试过的券"}],
    "features": [{"name": "recency", "value_cents": 3.0, "cost_cents": 1.0, "missing": 0.1}],
    "versions": {"python": "3.11"},
    "seed": 0,
}  # fmt: skip
