"""How well addresses are linked and read, and how many a second.

    python -m tests.benchmarks.addresses

Linking (febrl, address fields only, true links from ``rec_id``): F1 on febrl 2 of ``features.address_link`` with the
threshold that was fixed on febrl 1; beside it cosine of character trigrams (TF-IDF) with the threshold where its F1 is
greatest on febrl 1, by the same rule, or on febrl 2 itself (``_in_hindsight``); and equality of letters and digits. All
pairs of one person count, also those between two copies; two persons at one true address would count as wrong links,
for an address cannot tell them apart (``_same_place`` says how many pairs of different persons have equal fields).

Reading (tagged Chinese addresses): micro F1 of exact spans on the dev part, without the tag "redundant" (with it:
``_all_tags``), of the rules, of suffixes found by one regular expression, and of the tagger trained on the train part.

Speed: addresses a second of ``normalise`` and ``door_keys`` on spellings of the simulated shop and of another
generator, in processor seconds, beside a bare NFKC pass and rapidfuzz's ratio of neighbours over the same strings;
``link`` on spread streets and on one tower.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from features import address_link
from features.address import normalise
from features.address_chinese import segments
from features.address_tagger import AddressTagger, train
from features.address_text import _CHARACTERS
from models.abuse.addresses import door_keys
from oracles.doors import chinese_doors, respelt
from pipelines.shop.addresses import Place, respell

FIELDS = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
SPELLINGS, LINKED = 40_000, 100_000
Pairs = set[tuple[int, int]]
Span = tuple[str, int, int]
TAGS = {
    "country": "country", "province": "prov", "city": "city", "district": "district", "zone": "devZone", "town": "town",
    "community": "community", "road": "road", "road_number": "roadno", "lane": "subRoad", "lane_number": "subroadno",
    "place": "poi", "part": "subpoi", "building": "houseno", "staircase": "cellno", "floor": "floorno",
    "room": "roomno", "locker": "person", "beside": "assist", "note": "person",
}  # fmt: skip
SUFFIXES = re.compile(
    "(?P<prov>[^省]{2,4}?省|[^区]{2,4}?自治区)|(?P<city>.{2,4}?市)|(?P<district>.{1,4}?[区县])|(?P<town>.{1,4}?(?:街道|镇|乡))"
    "|(?P<community>.{1,5}?(?:村|社区))|(?P<road>.{1,6}?(?:路|街|大道|巷))|(?P<roadno>[0-9]+[号弄])"
    "|(?P<houseno>[0-9a-z一二三四五六七八九十]+(?:幢|栋|座|号楼))|(?P<cellno>[0-9一二三四五六七八九十]+单元)"
    "|(?P<floorno>[0-9一二三四五六七八九十]+[楼层])|(?P<roomno>[0-9]+室?)|(?P<poi>[^0-9]+)"
)


def run(spellings: int = SPELLINGS, linked: int = LINKED) -> dict[str, float]:
    """Flat figures; those of data that is absent are left out."""
    folder = Path(os.environ.get("FAIRDEAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    figures: dict[str, float] = {}
    if folder.is_dir():
        figures |= _febrl(folder) | _chinese(folder)
    else:
        print(f"no evaluation data at {folder} (set FAIRDEAL_DATA): only speed is measured", file=sys.stderr)
    return figures | _speed(spellings) | _link_speed(linked)


def _read(path: Path) -> tuple[list[str], Pairs]:
    frame = pd.read_csv(path, dtype=str, skipinitialspace=True).fillna("").rename(columns=str.strip)
    texts = [", ".join(value for value in row if value) for row in frame[list(FIELDS)].to_numpy()]
    persons = frame.rec_id.str.split("-").str[1]
    return texts, {p for rows in persons.groupby(persons).groups.values() for p in combinations(sorted(rows), 2)}


def _febrl(folder: Path) -> dict[str, float]:
    (first, true_first), (second, true_second) = (_read(folder / f"febrl_dataset{k}.csv") for k in (1, 2))
    started = time.process_time()
    found = address_link.link(second)
    seconds = time.process_time() - started
    ours = set(zip(found["first"].tolist(), found["second"].tolist(), strict=True))
    pairs, scores = _trigrams(first)
    cut = _best_threshold(pairs, scores, true_first)
    theirs, their_scores = _trigrams(second)
    kindest = _best_threshold(theirs, their_scores, true_second)
    cosine = {pair for pair, score in zip(theirs, their_scores, strict=True) if score >= cut}
    plain = [re.sub("[^a-z0-9]", "", text) for text in second]
    same = pd.Series(range(len(plain))).groupby(plain)
    kind = {pair for pair, score in zip(theirs, their_scores, strict=True) if score >= kindest}
    exact = {pair for rows in same.groups.values() for pair in combinations(sorted(rows), 2)}
    figures = {"addresses_febrl2_seconds": seconds, "addresses_febrl2_same_place": float(len(exact - true_second))}
    for name, links in (("", ours), ("_trigrams", cosine), ("_trigrams_in_hindsight", kind), ("_exact", exact)):
        right = len(links & true_second)
        figures[f"addresses_febrl2{name}_f1"] = 2 * right / (len(links) + len(true_second))
        figures[f"addresses_febrl2{name}_precision"] = right / max(len(links), 1)
        figures[f"addresses_febrl2{name}_recall"] = right / len(true_second)
    low, high = _interval(ours, true_second, len(second))
    return figures | {"addresses_febrl2_f1_low": low, "addresses_febrl2_f1_high": high}


def _trigrams(texts: Sequence[str]) -> tuple[list[tuple[int, int]], np.ndarray]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix = TfidfVectorizer(analyzer="char", ngram_range=(3, 3)).fit_transform(texts)
    product = (matrix @ matrix.T).tocoo()
    near = (product.row < product.col) & (product.data > 0.2)
    return list(zip(product.row[near].tolist(), product.col[near].tolist(), strict=True)), product.data[near]


def _best_threshold(pairs: Sequence[tuple[int, int]], scores: np.ndarray, true: Pairs) -> float:
    """The middle of the range of thresholds with the greatest F1."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum([pairs[i] in true for i in order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + len(true))
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    ordered = scores[order]
    return float((ordered[best[0]] + ordered[min(best[-1] + 1, len(order) - 1)]) / 2)


def _interval(links: Pairs, true: Pairs, count: int, draws: int = 500) -> tuple[float, float]:
    """95 % interval of F1 when the addresses, with all their pairs, are drawn anew."""
    rng = np.random.default_rng(0)
    pairs = np.array(sorted(links | true))
    given = np.array([tuple(pair) in links for pair in pairs.tolist()])
    wanted = np.array([tuple(pair) in true for pair in pairs.tolist()])
    values = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, count, count), minlength=count)
        weight = times[pairs[:, 0]] * times[pairs[:, 1]]
        values.append(2 * weight[given & wanted].sum() / (weight[given].sum() + weight[wanted].sum()))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _chinese(folder: Path) -> dict[str, float]:
    learn, judge = (_tagged(folder / f"zh_address_parse_{part}.txt") for part in ("train", "dev"))
    with tempfile.TemporaryDirectory() as model:
        train([_example(text, spans) for text, spans in learn], Path(model) / "tagger")
        tagger = AddressTagger(Path(model) / "tagger")
        ways: dict[str, Callable[[str], set[Span]]] = {
            "": lambda text: _spans(text, lambda ready: [(TAGS[a], b, c) for a, b, c in segments(ready)]),
            "_suffixes": lambda text: _spans(text, _by_suffix),
            "_tagger": lambda text: _spans(text, tagger.segments),
        }
        figures: dict[str, float] = {}
        for name, way in ways.items():
            read = [(way(text), spans) for text, spans in judge]
            figures[f"addresses_zh{name}_f1"] = _f1(read, ("redundant", "otherinfo"))
            figures[f"addresses_zh{name}_all_tags_f1"] = _f1(read, ())
            if name != "_suffixes":
                figures |= {
                    f"addresses_zh{name}_{tag.lower()}_f1": _f1(read, (), tag) for tag in sorted(set(TAGS.values()))
                }
        return figures


def _tagged(path: Path) -> list[tuple[str, set[Span]]]:
    found: list[tuple[str, set[Span]]] = []
    spans: list[Span] = []
    text = ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if not line.strip():
            if text:
                found.append((text, set(spans)))
            text, spans = "", []
            continue
        piece, tag = line.split()
        label = {"subroad": "subRoad", "subRoadno": "subroadno"}.get(tag[2:], tag[2:])
        if tag[0] == "I" and spans and spans[-1][0] == label:
            spans[-1] = (label, spans[-1][1], len(text) + len(piece))
        else:
            spans.append((label, len(text), len(text) + len(piece)))
        text += piece
    return found


def _ready(text: str) -> tuple[str, list[int]]:
    """The compact text and the position of each of its characters in the original."""
    kept = [
        (plain, at)
        for at, character in enumerate(text)
        for plain in unicodedata.normalize("NFKC", character).translate(_CHARACTERS).casefold()
        if re.match(r"[0-9a-z\u4e00-\u9fff#-]", plain)
    ]
    return "".join(plain for plain, _ in kept), [at for _, at in kept]


def _spans(text: str, way: Callable[[str], list[Span]]) -> set[Span]:
    ready, positions = _ready(text)
    return {(label, positions[start], positions[end - 1] + 1) for label, start, end in way(ready)}


def _by_suffix(text: str) -> list[Span]:
    return [(str(m.lastgroup), m.start(), m.end()) for m in SUFFIXES.finditer(text)]


def _example(text: str, spans: set[Span]) -> tuple[str, list[str]]:
    ready, positions = _ready(text)
    tags = []
    for i, at in enumerate(positions):
        label, start = next(((label, start) for label, start, end in spans if start <= at < end), ("", 0))
        first = i == 0 or positions[i - 1] < start
        tags.append(f"{'B' if first else 'I'}-{label}" if label else "O")
    return ready, tags


def _f1(read: Sequence[tuple[set[Span], set[Span]]], without: Sequence[str], only: str = "") -> float:
    counts: Counter[str] = Counter()
    for given, wanted in read:
        given, wanted = ({s for s in side if s[0] not in without and only in ("", s[0])} for side in (given, wanted))
        counts.update(right=len(given & wanted), total=len(given) + len(wanted))
    return 2 * counts["right"] / max(counts["total"], 1)


def _speed(count: int) -> dict[str, float]:
    from rapidfuzz import fuzz

    rng, other = np.random.default_rng(1), random.Random(1)
    places = [Place.at_random(rng, bool(i % 4 == 0)) for i in range(count // 4)]
    texts = [respell(place, rng, effort) for place in places for effort in (0, 1)]
    doors = chinese_doors(other, count // 4)
    texts += [respelt(doors[i % len(doors)], other) for i in range(count // 2)]
    other.shuffle(texts)
    normalise(texts[0])

    def seconds(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    took = {
        "normalise": min(seconds(lambda: [normalise(text) for text in texts]) for _ in range(3)),
        "door_keys": min(seconds(lambda: door_keys(texts)) for _ in range(3)),
        "nfkc": min(seconds(lambda: [unicodedata.normalize("NFKC", text) for text in texts]) for _ in range(3)),
        "rapidfuzz": min(seconds(lambda: [fuzz.ratio(a, b) for a, b in pairwise(texts)]) for _ in range(3)),
    }
    figures = {f"addresses_{name}_per_second": len(texts) / value for name, value in took.items()}
    return figures | {
        "addresses_normalise_over_rapidfuzz": took["normalise"] / took["rapidfuzz"],
        "addresses_door_keys_over_normalise": took["door_keys"] / took["normalise"],
    }


def _link_speed(count: int) -> dict[str, float]:
    """Seconds of ``link`` over spread streets, ten times fewer of them, and one tower."""
    rng = np.random.default_rng(3)
    letters = np.array(list("abcdefghijklmnoprstuvwy"))
    names = ["".join(rng.choice(letters, 7)).title() for _ in range(max(count // 50, 10))]
    towns = ["".join(rng.choice(letters, 8)).title() for _ in range(max(count // 500, 5))]
    streets = [
        f"{rng.integers(1, 400)} {names[rng.integers(len(names))]} Street, {towns[rng.integers(len(towns))]} "
        f"{rng.integers(1000, 9999)}"
        for _ in range(count)
    ]
    tower = [f"杭州市文三路478号翠苑大厦3幢{room}室" for room in range(100, count + 100)]
    figures = {}
    for name, texts in (("tenth", streets[: count // 10]), ("spread", streets), ("tower", tower)):
        started = time.process_time()
        address_link.link(texts)
        figures[f"addresses_link_{name}_per_second"] = len(texts) / (time.process_time() - started)
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
