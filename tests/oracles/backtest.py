"""A rule replayed event by event: plain loops over one account's rows at a time, no rings, no product code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

DAY = 86_400_000_000
Row = tuple[int, float]  # moment, score


def cheapest(
    p: float, stake: float, review: float, automatic: float, price: float = 0.0, coupon: float = 2000.0
) -> str:
    """The action of least expected loss by the costs of the product's default, written out."""
    if p < review:
        return "allow"
    losses = {
        "allow": p * stake,
        "cap": p * 0.8 * stake + (1 - p) * 0.025 * coupon,
        "hold": p * 0.05 * stake + (1 - p) * 0.1 * coupon + 0.13 * coupon + price,
    }
    if p >= automatic:
        losses["withhold"] = (1 - p) * 0.75 * coupon
    return min(losses, key=lambda name: losses[name])


def replay(
    rows: Sequence[Row],
    spent: Sequence[tuple[int, int]],
    typical: float,
    levels: Sequence[float],
    decide: Callable[[float, float], str],
) -> tuple[str, str, int | None]:
    """First action that matters, last action, and since when, of one account.

    ``levels``: scores at which the rule decides anew; ``spent``: (moment, cents).
    """
    best, first, last, since = 0.0, "allow", "allow", None
    left = sorted(levels)
    for moment in sorted({at for at, _ in rows}):
        best = max(best, *(score for at, score in rows if at == moment))
        crossed = [level for level in left if best >= level]
        left = left[len(crossed) :]
        if not crossed:
            continue
        stake = typical + sum(c for at, c in spent if moment - 30 * DAY <= at < moment)
        chosen = decide(best, stake)
        if first in ("allow", "cap") and chosen not in ("allow", first):
            first, since = chosen, moment
        last = "withhold" if chosen == "withhold" else first
    return first, last, since


def queue(days: Sequence[int], losses: Sequence[float], per_day: int, length: int) -> list[int]:
    """The day on which each case is reviewed, by sorting the waiting ones every day; -1 for never."""
    done = [-1] * len(days)
    for today in range(length):
        waiting = [i for i, opened in enumerate(days) if opened <= today and done[i] < 0]
        for i in sorted(waiting, key=lambda i: (-losses[i], i))[:per_day]:
            done[i] = today
    return done
