"""Write the tables and the truth of a simulated shop."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task

from pipelines.runtime import may_pass
from pipelines.shop import simulate
from serving.settings import load_settings


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass)
def simulate_task(out: Path, users: int, days: int, seed: int) -> None:
    """``simulate``, tried again on failure: it replaces its folder whole."""
    simulate(users=users, days=days, seed=seed, out=out)


@flow(name="simulate_shop")
def simulate_shop(out: str | None = None, users: int = 20_000, days: int = 90, seed: int = 7) -> Path:
    """Simulate a shop into the folder ``out`` (``shop`` below home) and return it."""
    folder = Path(out) if out else load_settings().home / "shop"
    get_run_logger().info("out=%s users=%d days=%d seed=%d", folder, users, days, seed)
    simulate_task(folder, users, days, seed)
    return folder
