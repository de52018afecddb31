"""Write the tables and the truth of a simulated shop."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task

from pipelines.runtime import may_pass
from pipelines.shop import simulate


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass)
def simulate_task(out: Path, users: int, days: int, seed: int) -> None:
    """``simulate``, tried again on failure: it replaces its folder whole."""
    simulate(users=users, days=days, seed=seed, out=out)


@flow(name="simulate_shop")
def simulate_shop(out: str, users: int = 20_000, days: int = 90, seed: int = 7) -> Path:
    """Simulate a shop into the folder ``out`` and return it."""
    logger = get_run_logger()
    logger.info("out=%s users=%d days=%d seed=%d", out, users, days, seed)
    simulate_task(Path(out), users, days, seed)
    return Path(out)
