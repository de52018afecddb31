"""Where Prefect keeps its state: below ``home``, silent, and patient enough for a slow first start; MLflow silent too.

Prefect reads its settings when it is imported, so ``prepare`` runs before any flow module is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from features.errors import InputError
from serving.settings import Settings

if TYPE_CHECKING:
    from prefect.states import State


def prepare(settings: Settings) -> None:
    """Make Prefect's folder and set its environment; what the caller's environment already says wins.

    A production profile sets ``PREFECT_API_URL``; without it each process starts an ephemeral server.
    """
    home = settings.home.absolute() / "prefect"
    home.mkdir(parents=True, exist_ok=True)  # its server expects the folder to be there
    defaults = {
        "PREFECT_HOME": str(home),
        # Prefect's own limit of 20 s is too short for a first start on two busy cores.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Prefect keeps the log of every run; on the console an error is one line of ours, not its traceback too.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def may_pass(_task: object, _run: object, state: State[Any]) -> bool:
    """Whether trying a failed task again can help: bad input stays bad."""
    return not isinstance(state.result(raise_on_failure=False), InputError)
