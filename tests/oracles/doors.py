"""Which door a spelling names, read back with regular expressions: enough to see that respelling keeps the place."""

from __future__ import annotations

import re
import unicodedata

_NUMERALS = str.maketrans("零一二三四五六七八九", "0123456789")


def door_numbers(text: str) -> list[int]:
    """All numbers of an address in order; wide digits and a Chinese numeral before 单元 count as digits."""
    text = unicodedata.normalize("NFKC", text)
    if re.search(r"[\u4e00-\u9fff]", text):
        text = text.replace(" ", "")  # spaces mean nothing in Chinese
    text = re.sub(r"([零一二三四五六七八九])(?=单元)", lambda m: m[0].translate(_NUMERALS), text)
    return [int(number) for number in re.findall(r"\d+", text)]
