"""Divisions of China to the county level, and where in a text they stand.

The table ``address_divisions.txt`` is ours, written from the public list of divisions with its date in the first line;
edit it there. ``at`` finds the longest name that starts at a position; names may miss their suffix (杭州, 慈溪) where
the next character does not turn them into a road or an estate (西湖大道).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("address_divisions.txt")


@dataclass(frozen=True)
class Division:
    """One division: ``level`` 1 province, 2 prefecture, 3 county; ``within``: prefectures that have one of the name."""

    level: int
    root: str
    within: tuple[str, ...]
    bare: bool
    urban: bool


_LONG = re.compile(r"(?:壮族|回族|维吾尔)?(?:自治区|特别行政区|省|市)$")
_SUFFIX = re.compile(r"(?:[\u4e00-\u9fff]{1,3}族)*(?:自治州|自治县|自治旗)$|(?:新区|地区|林区|特区|区|县|市|盟|旗)$")
# A bare name followed by this is the name of a road, an estate or a firm: 南京西路, 杭州大厦, 西湖公园.
_NOT_AFTER_BARE = re.compile(
    r"[东西南北中前后大小新老上下]{0,2}[一二三四五六]?(?:路|街|道|巷|弄|里|村|镇|乡|小区|园|苑|花|城|广场|大厦|楼|大?桥|门|站|商|国|酒|宾|医|学|市|公|人)"
    r"|[区县江河湖山港]"
)
_TOWN_NEXT = re.compile(r"[\u4e00-\u9fff]{2,3}(?:街道|镇|乡|区|县)")
_NOT_AFTER_FULL = re.compile(r"[路街巷弄]")


@lru_cache(maxsize=1)
def _sizes() -> dict[str, tuple[int, ...]]:
    """Lengths of the names that start with two characters, the longest first."""
    found: dict[str, set[int]] = {}
    for name in divisions():
        found.setdefault(name[:2], set()).add(len(name))
    return {start: tuple(sorted(sizes, reverse=True)) for start, sizes in found.items()}


@lru_cache(maxsize=1)
def divisions() -> dict[str, Division]:
    """Names, with and without suffix, to what they name; read once."""
    found: dict[str, list[Division]] = {}

    def add(name: str, level: int, root: str, within: str, bare: bool, urban: bool = False) -> None:
        found.setdefault(name, []).append(Division(level, root, (within,) if within else (), bare, urban))

    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith(">"):
            name = line[1:].strip()
            root = _LONG.sub("", name)
            if not name.endswith("市"):
                add(name, 1, root, "", False)
                add(root, 1, root, "", True)
                add(root + "省", 1, root, "", False)
        elif line and not line.startswith("#"):
            prefecture, _, rest = line.partition(":")
            city = _root(prefecture)
            if "直辖县" not in prefecture:
                add(prefecture if prefecture != city else city + "市", 2, city, "", False)
                add(city, 2, city, "", True)
                if prefecture.endswith("自治州"):
                    add(city + "州", 2, city, "", False)
            else:
                city = ""
            for suffix, names in zip("区市县", rest.split(";"), strict=True):
                for name in names.split():
                    root = _root(name)
                    full = name if root != name else name + suffix
                    add(full, 3, root, city, False, suffix == "区")
                    if len(root) >= 2:
                        add(root, 3, root, city, True, suffix == "区")
    return {name: _joined(same) for name, same in found.items()}


def _root(name: str) -> str:
    root = _SUFFIX.sub("", name)
    return root if len(root) >= 2 else name


def _joined(same: list[Division]) -> Division:
    """Of divisions with one name the highest; several counties of a name are in any of their prefectures."""
    top = min(division.level for division in same)
    same = [division for division in same if division.level == top]
    within = tuple(sorted({city for division in same for city in division.within}))
    return Division(top, same[0].root, within, same[0].bare, all(division.urban for division in same))


def at(text: str, start: int) -> tuple[Division, int] | None:
    """The division whose name starts at ``start`` and the position behind it.

    >>> at("浙江省杭州市西湖区文三路", 3)[0].root, at("西湖大道1号", 0)
    ('杭州', None)
    """
    sizes = _sizes().get(text[start : start + 2])
    if sizes is None:
        return None
    known = divisions()
    for size in sizes:
        name = text[start : start + size]
        if len(name) < size or name not in known:
            continue
        division, end = known[name], start + size
        if name[-1] == "市" and division.level == 2 and text[end - 1 : end + 2] in known:
            continue  # 青岛市南区 is 青岛 and 市南区
        if not (_NOT_AFTER_BARE if division.bare else _NOT_AFTER_FULL).match(text, end):
            return division, end
        if division.bare and division.level < 3 and (at(text, end) is not None or _TOWN_NEXT.match(text, end)):
            return division, end  # 杭州西湖区, 金华江东街道: what follows is a name of its own
    return None
