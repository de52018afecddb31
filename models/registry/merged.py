"""Several LightGBM models as one: the same trees as the outputs of one model, so that one call predicts them all.

Predicting one row with fifteen small models is mostly the price of fifteen calls. LightGBM keeps a model with K
outputs as trees in turn (output 0, 1 … K-1, then the next round), and every output sums its own trees in their order.
So models laid out that way give the same bits as each alone; a model with fewer rounds is filled up with trees that
say 0. Only models whose score is the plain sum of their trees are put together (objective ``regression``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEAD = ("max_feature_idx", "feature_names", "feature_infos")
_PLAIN = "regression"
_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_NOTHING = "num_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1\n\n\n"


def merged(texts: Sequence[str]) -> str | None:
    """LightGBM text of one model with an output per text, in order; None where they cannot be put together exactly."""
    if len(texts) < 2:
        return None
    heads, trees = zip(*(_parts(text) for text in texts), strict=True)
    first = heads[0]
    alike = all(head.get("max_feature_idx") == first.get("max_feature_idx") for head in heads)
    plain = all(
        head.get("objective") == _PLAIN and head.get("num_class") == "1" and "average_output" not in head
        for head in heads
    )
    if not alike or not plain:
        return None
    count = len(texts)
    lines = ["tree", f"version={first['version']}", f"num_class={count}", f"num_tree_per_iteration={count}"]
    lines += ["label_index=0", *(f"{name}={first[name]}" for name in _HEAD), "", ""]
    rounds = max(len(own) for own in trees)
    blocks: list[str] = []
    for turn in range(rounds):
        for own in trees:
            blocks.append(f"Tree={len(blocks)}\n{own[turn] if turn < len(own) else _NOTHING}")
    return "\n".join(lines) + "".join(blocks) + "end of trees\n"


def _parts(text: str) -> tuple[dict[str, str], list[str]]:
    """The header by name and the text of every tree."""
    body = text.split("\nend of trees", 1)[0] + "\n"
    head, *trees = _TREE.split(body)
    fields = dict(line.partition("=")[::2] for line in head.splitlines() if line)
    return fields, [tree.rstrip("\n") + "\n\n\n" for tree in trees]
