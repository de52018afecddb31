"""One MLflow store for the session: creating its tables takes seconds."""

from __future__ import annotations

import pytest

from models.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    return Registry(f"sqlite:///{folder}/mlflow.db", folder / "artefacts with space")


@pytest.fixture
def model_name(request: pytest.FixtureRequest) -> str:
    """A registry name of its own for every test, so that tests share the store and nothing else."""
    return f"uplift-{request.node.name}"
