"""The first half of the demo: from the shop's tables to promoted models and chosen coupons, flow by flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from features.errors import InputError
from features.ingest import IngestReport
from pipelines.abuse_rule import decider_of
from pipelines.build_features import BuildReport, build_features
from pipelines.choose_coupons import Round, choose_coupons
from pipelines.evaluate_policy import Evaluation, evaluate_policy
from pipelines.flag_abuse import FlagReport, flag_abuse
from pipelines.ingest_tables import ingest_tables
from pipelines.simulate_shop import simulate_shop
from pipelines.train_abuse import TrainedAbuse, train_abuse
from pipelines.train_uplift import Trained, train_uplift
from serving.settings import Settings

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class History:
    """What the flows found, in the order in which they ran."""

    shop: Path
    ingested: IngestReport
    features: BuildReport
    uplift: Trained
    abuse: TrainedAbuse
    flags: FlagReport
    round: Round
    evaluation: Evaluation


def learn(settings: Settings, users: int, days: int, seed: int, progress: Progress) -> History:
    """Simulate a shop and run every flow on it; the settings' home is empty before."""
    shop = settings.home / "shop"
    flags = settings.home / "flags.parquet"
    with _step(progress, "simulate a shop"):
        simulate_shop(str(shop), users, days, seed)
    with _step(progress, "ingest its tables"):
        ingested = ingest_tables(str(shop))
    with _step(progress, "build and serve features"):
        features = build_features()
    # Who is known to abuse coupons comes first: their decisions do not train the effects.
    with _step(progress, "train the abuse model"):
        abuse = train_abuse()
    with _step(progress, "flag abuse so far"):
        flagged = flag_abuse(settings.tables, flags, key=settings.risk.key, decider=decider_of(settings.risk))
    with _step(progress, "train the uplift model"):
        uplift = train_uplift()
        if not uplift.champion:
            raise InputError("users", users, f"a larger shop: the model did not pass its gate ({uplift.reason})")
    with _step(progress, "choose coupons under the budget"):
        chosen = choose_coupons(flags=str(flags))
    with _step(progress, "judge the policy on held-out decisions"):
        evaluation = evaluate_policy()
    return History(shop, ingested, features, uplift, abuse, flagged, chosen, evaluation)


@contextmanager
def _step(progress: Progress, name: str) -> Iterator[None]:
    progress(name, 0.0)
    yield
    progress(name, 1.0)
