"""What every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can import their oracles

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; they are not ours to ship, so tests that need them say so and skip."""
    folder = Path(os.environ.get("FAIRDEAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the evaluation data is not at {folder}; set FAIRDEAL_DATA to its folder")
    return folder
