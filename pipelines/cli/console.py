"""What the command line shows: text, tables and a progress line per step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

Step = Callable[[str, float], None]
"""``step(name, fraction)``: how far the step called ``name`` is, from 0 to 1."""

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print a result; markup in it is not interpreted (ids and paths may hold brackets)."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Step]:
    """Show one line per step on stderr; without a terminal, a line when a step ends."""
    bars = Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def step(name: str, fraction: float) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=1.0)
        bars.update(tasks[name], completed=fraction)
        if fraction >= 1 and not err.is_terminal:
            err.print(f"done: {name}", markup=False, highlight=False)

    with bars:
        yield step


def wait_for_interrupt() -> None:
    """Return when the person presses Ctrl-C."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
