"""Write the tables and the truth of a simulated shop."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from pipelines.shop import simulate


@flow(name="simulate_shop")
def simulate_shop_flow(out: str, users: int = 20_000, days: int = 90, seed: int = 7) -> str:
    """The flow of ``fairdeal run simulate_shop``; returns the folder."""
    simulate(users=users, days=days, seed=seed, out=Path(out))
    return out
