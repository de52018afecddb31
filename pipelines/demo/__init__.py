"""``fairdeal demo``: the whole loop on a simulated shop, from an empty folder to a report, in minutes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipelines.runtime import prepare
from serving.settings import load_settings

if TYPE_CHECKING:
    from pipelines.demo.result import Finished

SAMPLE = 2000
"""Users whose batch and online decisions are compared."""
LINKS_GOOD_FOR = timedelta(days=7)

Progress = Callable[[str, float], None]


def run_demo(stack: ExitStack, users: int, days: int, seed: int, language: str, progress: Progress) -> Finished:
    """Run everything; the apps are left running until ``stack`` closes.

    State goes to ``demo`` below the configured home and replaces that of the last demo.
    """
    progress("load the libraries", 0.0)
    prepare(load_settings())
    from pipelines.demo.apps import running_apps, with_free_ports
    from pipelines.demo.history import learn
    from pipelines.demo.page import write_page
    from pipelines.demo.result import Demo, Finished
    from pipelines.demo.second_half import play
    from pipelines.shop.live import Shoppers
    from serving.app import console_links
    from serving.clock import utc_now

    progress("load the libraries", 1.0)
    home = load_settings().home.absolute() / "demo"
    shutil.rmtree(home, ignore_errors=True)
    os.environ["FAIRDEAL_HOME"] = str(home)  # the flows read their settings themselves
    settings = load_settings()
    history = learn(settings, users, days, seed, progress)
    shoppers = Shoppers(history.shop)
    visits = shoppers.visits(0, max(200, users * 3 // 50), np.random.default_rng(seed))
    progress("start the three apps", 0.0)
    apps = stack.enter_context(running_apps(with_free_ports(settings), visits[0].at - timedelta(minutes=5)))
    progress("start the three apps", 1.0)
    day = asyncio.run(play(apps, history, shoppers, visits, seed, SAMPLE, progress))
    demo = Demo(users, days, seed, settings.shop.timezone, history, **day)
    progress("write the report", 0.0)
    page = write_page(demo, language, settings.reports / "demo")
    progress("write the report", 1.0)
    # Good once, for as long as anybody leaves a demo up; by the clock of the shop, on which the apps run.
    ways_in = console_links(apps.settings, LINKS_GOOD_FOR, lambda: utc_now() + timedelta(seconds=apps.offset.value))
    links = {
        "data scientist": page.as_uri(),
        "issuance service": f"{apps.url('coupons')}/openapi.json",
        "risk team": ways_in["lead"],
        "campaign operator": ways_in["operator"],
    }
    return Finished(demo, page, links)
