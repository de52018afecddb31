"""A conditional random field that learns to cut Chinese addresses from addresses a shop has tagged itself.

In: a file with one character and its tag a line (``B-road``, ``I-road``, ``O``), a blank line between addresses.
Out: a model file, which is the shop's data: none is shipped, and without one the rules of ``address_chinese`` cut.
What a character is told by: itself and its neighbours, and what the rules make of it, so that a few thousand addresses
suffice (Lafferty et al. 2001; weights by the averaged perceptron of Collins 2002, in CRFsuite).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pycrfsuite

from features.address_areas import Segment
from features.address_chinese import LABELS, compact, segments
from features.address_text import clean
from features.errors import InputError

_REACH = 2
_ROUNDS = 12


def read_tagged(path: Path, labels: Sequence[str] = LABELS) -> Iterator[tuple[str, list[str]]]:
    """Yield (text, one tag a character) of each address; tags must be O, or B- or I- and one of ``labels``."""
    text, tags = "", [""][:0]
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        fields = line.split()
        if not fields:
            if text:
                yield text, tags
            text, tags = "", []
            continue
        if len(fields) != 2 or (
            fields[1] != "O" and (fields[1][:2] not in ("B-", "I-") or fields[1][2:] not in labels)
        ):
            raise InputError(f"line {number}", line, "a character and a tag such as B-road, I-road or O")
        tag = fields[1]
        text += fields[0]
        tags += [tag] + [tag.replace("B-", "I-", 1)] * (len(fields[0]) - 1)
    return


def train(examples: Sequence[tuple[str, list[str]]], model: Path) -> None:
    """Fit a tagger to (text, tags) and write it to ``model``; the same examples give the same file."""
    if not examples:
        raise InputError("examples", "none", "at least one tagged address")
    trainer = pycrfsuite.Trainer(verbose=False)
    for text, tags in examples:
        trainer.append(features(text), tags)
    trainer.select("ap")
    trainer.set_params({"max_iterations": _ROUNDS, "feature.minfreq": 2, "feature.possible_transitions": True})
    trainer.train(str(model))


class AddressTagger:
    """A trained tagger; give it to ``features.address.parse``."""

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise InputError("model", str(model), "a file written by features.address_tagger.train")
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(model))

    def tag(self, text: str) -> list[tuple[str, str]]:
        """Named parts of an address: (label, text) in order."""
        ready = compact(clean(text))
        return [(label, ready[start:end]) for label, start, end in self.segments(ready)]

    def segments(self, text: str) -> list[Segment]:
        """Parts of a compact text, as ``address_chinese.segments`` gives them."""
        found: list[Segment] = []
        for at, tag in enumerate(self._tagger.tag(features(text))):
            label = tag[2:]
            if tag == "O":
                continue
            if tag[0] == "I" and found and found[-1][0] == label and found[-1][2] == at:
                found[-1] = (label, found[-1][1], at + 1)
            else:
                found.append((label, at, at + 1))
        return found


def features(text: str) -> list[list[str]]:
    """What the field is told of each character."""
    plain = text.lower()
    rules = ["O"] * len(text)
    for label, start, end in segments(plain):
        rules[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    shapes = ["0" if c.isdigit() else "a" if c.isascii() else c for c in plain]
    padded = ["<"] * _REACH + shapes + [">"] * _REACH
    marks = ["<"] * _REACH + rules + [">"] * _REACH
    rows = []
    for i in range(len(text)):
        at = i + _REACH
        row = ["bias", f"r={rules[i]}"]
        row += [f"{d}:{padded[at + d]}" for d in range(-_REACH, _REACH + 1)]
        row += [f"{d}r:{marks[at + d]}" for d in (-2, -1, 1, 2)]
        row += [f"{d}b:{padded[at + d]}{padded[at + d + 1]}" for d in (-2, -1, 0, 1)]
        row.append(f"t:{padded[at - 1]}{padded[at]}{padded[at + 1]}")
        row.append(f"q:{marks[at - 1]}{rules[i]}{marks[at + 1]}")
        rows.append(row)
    return rows
