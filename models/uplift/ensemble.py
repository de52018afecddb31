"""A weighted sum of LightGBM models plus a constant, as one LightGBM model.

Models of squared error are sums of their trees' leaf values, so a factor goes into the leaves and a constant is a tree
of one leaf. The sum loads, predicts and explains itself like any model, without our code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_VALUES = re.compile(r"^(leaf_value|internal_value)=(.*)$", re.MULTILINE)
_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)


def combined(like: Any, parts: Sequence[tuple[Any, int, float]], constant: float) -> Any:
    """``constant`` + sum of factor * (the first rounds of a booster), for ``parts`` of (booster, rounds, factor).

    ``like`` is any booster on the same features and gives the header. The boosters start from 0 or carry their mean
    in their first tree, as LightGBM's do.
    """
    import lightgbm

    blocks = [f"num_leaves=1\nnum_cat=0\nleaf_value={constant!r}\nis_linear=0\nshrinkage=1\n\n\n"]
    for booster, rounds, factor in parts:
        blocks += [_scaled(tree, factor) for tree in _split(booster.model_to_string(num_iteration=rounds))[1]]
    head = _SIZES.sub("", _split(like.model_to_string(num_iteration=1))[0])
    numbered = "".join(f"Tree={place}\n{block}" for place, block in enumerate(blocks))
    return lightgbm.Booster(model_str=f"{head}{numbered}end of trees\n")


def _split(text: str) -> tuple[str, list[str]]:
    body = text.split("\nend of trees", 1)[0] + "\n"
    head, *trees = _TREE.split(body)
    return head, [tree.rstrip("\n") + "\n\n\n" for tree in trees]


def _scaled(tree: str, factor: float) -> str:
    def line(match: re.Match[str]) -> str:
        return f"{match[1]}=" + " ".join(repr(float(value) * factor) for value in match[2].split())

    return _VALUES.sub(line, tree)
