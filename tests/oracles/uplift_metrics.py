"""Uplift metrics as loops over prefixes, written from their definitions and from nothing else.

Only for scores without ties: there the definitions of all libraries agree on the order of rows.
"""

from __future__ import annotations

from itertools import pairwise


def _order(score):
    return sorted(range(len(score)), key=lambda i: -score[i])


def _prefix_sums(order, t, y):
    nt = nc = yt = yc = 0.0
    yield nt, nc, yt, yc
    for i in order:
        if t[i]:
            nt, yt = nt + 1, yt + y[i]
        else:
            nc, yc = nc + 1, yc + y[i]
        yield nt, nc, yt, yc


def _trapezoid(points):
    return sum((a + b) / 2 for a, b in pairwise(points))


def _over_chord(points):
    return _trapezoid(points) - (len(points) - 1) * points[-1] / 2


def qini_points(score, t, y):
    return [yt - (yc * nt / nc if nc else 0.0) for nt, nc, yt, yc in _prefix_sums(_order(score), t, y)]


def uplift_points(score, t, y):
    sums = _prefix_sums(_order(score), t, y)
    return [((yt / nt if nt else 0.0) - (yc / nc if nc else 0.0)) * (nt + nc) for nt, nc, yt, yc in sums]


def qini_over_chord(score, t, y):
    return _over_chord(qini_points(score, t, y))


def uplift_over_chord(score, t, y):
    return _over_chord(uplift_points(score, t, y))


def _interpolated(values):
    """Straight lines over None, anchored at the 0 of no rows."""
    known = [i for i, value in enumerate(values) if value is not None]
    result = []
    for i, value in enumerate(values):
        if value is not None:
            result.append(value)
            continue
        left = max(k for k in known if k < i)
        right = min(k for k in known if k > i)
        result.append(values[left] + (values[right] - values[left]) * (i - left) / (right - left))
    return result


def causalml_auuc_raw(score, t, y):
    lift = [None if not nt or not nc else yt / nt - yc / nc for nt, nc, yt, yc in _prefix_sums(_order(score), t, y)]
    lift[0] = 0.0
    gains = [value * n for n, value in enumerate(_interpolated(lift))]
    return sum(gains) / len(gains), gains[-1]


def causalml_qini_raw(score, t, y):
    points = [None if not nc else yt - yc * nt / nc for nt, nc, yt, yc in _prefix_sums(_order(score), t, y)]
    points[0] = 0.0
    points = _interpolated(points)
    chance = [points[-1] * n / (len(points) - 1) for n in range(len(points))]
    return sum(a - b for a, b in zip(points, chance, strict=True)) / len(points), points[-1]


def uplift_at_k_overall(score, t, y, k):
    top = _order(score)[: int(len(score) * k)]
    treated = [y[i] for i in top if t[i]]
    control = [y[i] for i in top if not t[i]]
    return sum(treated) / len(treated) - sum(control) / len(control)


def uplift_at_k_by_group(score, t, y, k):
    means = []
    for group in (1, 0):
        rows = [i for i in _order(score) if t[i] == group]
        rows = rows[: int(len(rows) * k)]
        means.append(sum(y[i] for i in rows) / len(rows))
    return means[0] - means[1]


def weighted_average_uplift(score, t, y, bins):
    order = _order(score)
    size, extra = divmod(len(order), bins)
    total = weight = 0.0
    start = 0
    for number in range(bins):
        rows = order[start : start + size + (number < extra)]
        start += len(rows)
        treated = [y[i] for i in rows if t[i]]
        control = [y[i] for i in rows if not t[i]]
        uplift = sum(treated) / len(treated) - sum(control) / len(control)
        total, weight = total + uplift * len(treated), weight + len(treated)
    return total / weight
