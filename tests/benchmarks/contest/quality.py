"""How near to the true effects each learner comes, over fresh seeds, and what acting on them earns under a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from benchmarks.contest.drawn import draw
from benchmarks.contest.jobs import Job, run, save
from benchmarks.contest.verdicts import paired, pehe, regret

SETTINGS = {"100x31": (100, 31, 20), "60x8": (60, 8, 1000)}
LIBRARY_DEFAULT = "100x31"  # LGBMRegressor() as it comes
SHARES = {"regret_10": 0.1, "regret_30": 0.3}
PEERS = ("causalml_dr", "causalml_t", "causalml_x", "econml_dr")
PEERS_DR = ("causalml_dr", "econml_dr")
OWN_SAME = ("own_dr", "own_t", "own_x")
OWN_DEFAULT = ("own_dr", "own_s", "own_t", "own_x", "own_r", "own_constant", "own_response")
Table = Mapping[str, Sequence[float]]


def measure(
    rows: int, test_rows: int, seeds: Sequence[int], peers: bool, say: Callable[[str], None]
) -> dict[str, float]:
    """Flat figures: ``pehe_*`` in cents, ``regret_*`` as shares of the oracle's profit, comparisons over seeds."""
    jobs = [Job(f"{name}_{size}", name, trees) for size, trees in SETTINGS.items() for name in OWN_SAME]
    jobs += [Job(f"{name}_default", name) for name in OWN_DEFAULT]
    if peers:
        jobs += [Job(f"{name}_{size}", name, trees) for size, trees in SETTINGS.items() for name in PEERS]
    found: dict[str, dict[str, list[float]]] = {figure: {job.name: [] for job in jobs} for figure in ("pehe", *SHARES)}
    for number, seed in enumerate(seeds, start=1):
        # Other customers from the same shop: no learner has seen them.
        train, test = draw(rows, 2 * seed), draw(test_rows, 2 * seed + 1)
        with TemporaryDirectory() as folder:
            data = Path(folder) / "trial.npz"
            save(data, train, test)
            answers = run(data, jobs)
        for name, answer in answers.items():
            found["pehe"][name].append(pehe(answer.effect, test))
            for figure, lost in zip(SHARES, regret(answer.effect, test, list(SHARES.values())), strict=True):
                found[figure][name].append(lost)
        say(f"quality: seed {number} of {len(seeds)}")
    return _means(found) | _against_constant(found) | (_against_peers(found) if peers else {})


def _means(found: Mapping[str, Table]) -> dict[str, float]:
    return {f"{figure}_{name}": mean(values) for figure, table in found.items() for name, values in table.items()}


def _against_constant(found: Mapping[str, Table]) -> dict[str, float]:
    figures = {}
    for figure, table in found.items():
        compared = paired(table["own_dr_default"], table["own_constant_default"])
        figures |= {f"{figure}_dr_default_minus_constant_{key}": value for key, value in compared.items()}
    return figures


def _against_peers(found: Mapping[str, Table]) -> dict[str, float]:
    figures = {}
    for figure, table in found.items():
        for size in SETTINGS:
            better = _best(table, [f"{name}_{size}" for name in PEERS_DR])
            figures |= _compared(f"{figure}_dr_{size}", table[f"own_dr_{size}"], table[better], "better_peer_dr")
            for kind in ("t", "x"):
                theirs = table[f"causalml_{kind}_{size}"]
                figures |= _compared(f"{figure}_{kind}_{size}", table[f"own_{kind}_{size}"], theirs, "causalml")
        library = [f"{name}_{LIBRARY_DEFAULT}" for name in PEERS]
        best_default, best_any = (
            _best(table, library),
            _best(table, [f"{n}_{size}" for size in SETTINGS for n in PEERS]),
        )
        ours = table["own_dr_default"]
        figures |= _compared(f"{figure}_dr_default", ours, table[best_default], "best_peer_default")
        figures |= _compared(f"{figure}_dr_default", ours, table[best_any], "best_peer_any_setting")
    return figures


def _best(table: Table, names: Sequence[str]) -> str:
    return min(names, key=lambda name: mean(table[name]))


def _compared(figure: str, ours: Sequence[float], theirs: Sequence[float], peer: str) -> dict[str, float]:
    differences = {f"{figure}_minus_{peer}_{key}": value for key, value in paired(ours, theirs).items()}
    return {f"{figure}_over_{peer}": mean(ours) / mean(theirs)} | differences
