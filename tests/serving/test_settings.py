"""Settings say which field is wrong, and the environment wins over the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import InputError
from serving.settings import CONFIGS, Settings, load_settings


def test_the_default_file_says_what_the_code_says() -> None:
    assert load_settings().model_dump() == Settings().model_dump()


def test_every_profile_loads() -> None:
    production = load_settings("production")
    assert production.stores.engine == "pyspark"
    assert production.ledger_url.startswith("postgresql")


def test_the_environment_wins_over_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDEAL_POLICY__BUDGET_CENTS", "4200")
    assert load_settings().policy.budget_cents == 4200


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("shop: {timezone: Mars/Olympus}", "shop.timezone"),
        ("policy: {holdout: 1.5}", "policy.holdout"),
        ("policy: {budget: 5}", "policy.budget"),
        ("shop: {currency: yuan}", "shop.currency"),
        ("- a list", "settings file"),
        ("a: [", "settings file"),
    ],
)
def test_a_bad_file_names_the_field(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "fairdeal.yaml").write_text(text)
    with pytest.raises(InputError, match=f"^{field}: got "):
        load_settings(configs=tmp_path)


def test_an_unknown_profile_is_one_clear_error() -> None:
    with pytest.raises(InputError, match="a YAML file that exists"):
        load_settings("staging", configs=CONFIGS)
