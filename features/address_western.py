"""Read a Western address: unit, house number, street, the rest; in any order of its lines.

In: text that ``clean`` made ready. Out: ``Components``. The street is the words between the house number and the first
street type (``12 Main St``, ``Main St 12``); units are known by their word, a # or the slash of ``5/12 Main St``.
"""

from __future__ import annotations

import re
import unicodedata

from features.address_components import Components
from features.address_text import LOCKER
from features.address_words import (
    COMMON_WORDS,
    COUNTRY_WORDS,
    DIRECTIONS,
    FLOOR_WORDS,
    LOCKER_SLIPS,
    MISSPELT,
    NUMBER_WORDS,
    STATE_LETTERS,
    STATE_NAMES,
    STATE_SLIPS,
    STATES,
    STREET_TYPES,
    UNIT_SLIPS,
    UNIT_WORDS,
)

_TOKEN = re.compile(r",|#|\d+[^\W\d_]{1,2}(?!\w)|\d+|[^\W_]+")
_SLASHED = re.compile(r"(?:^|(?<=,))([^\d,/]{0,30})(?<![\d])(\d+[a-z]?)\s*/\s*(\d+[a-z]?)\b(?!\s*/)")
_LOCKER_WORD = re.compile(r"[a-z]{5,7}")
_BOX = re.compile(
    r"\b(?:p\.? ?o\.? ?box|post office box|gpo box|po bag|locked bag|postfach|private bag|boite postale)\W{0,3}(\d+)?"
)
_LOCKER = re.compile(
    rf"(?:\b(?:amazon|australia post|auspost|ups|dhl|hub)\s+)?(?:{LOCKER})"
    r"(?:\W{0,3}(?:no\W{0,2})?(\d{1,6})\b(?!\s+[a-z]))?"
)
_POSTCODE = re.compile(r"\b([a-z]{1,2}\d[a-z\d]?) ?(\d[a-z]{2})\b|\b([a-z]\d[a-z])[ -]?(\d[a-z]\d)\b|\b(\d{5})-\d{4}\b")
_NOTES = re.compile(
    r"\b(?:please|pls|leave (?:at|it|with|by|on|in)|ring (?:the )?(?:bell|doorbell)|call (?:me|on|before|when)"
    r"|safe drop|no signature|signature|knock|behind the|left (?:side|hand|door)|right (?:side|hand|door)"
    r"|front door|back door|side door|beware|around the|next to|opposite|do not|dont|tel|phone|mobile)\b[^,]*"
)
_LONG_STATE = re.compile("|".join(rf"\b{name}\b" for name in sorted(STATES, key=len, reverse=True) if " " in name))
_UNIT_JOINED = re.compile(r"^(?:u|apt|unit|flat|rm|room|ste|suite|no)(\d+[a-z]?)$")


def read(text: str) -> Components:
    """Components of a cleaned text; words of unknown role are ``rest``.

    >>> found = read("5/12 main street, springfield vic 3053")
    >>> found.room, found.road_number, found.road, found.rest, found.postcode
    ('5', '12', 'main st', 'springfield vic', '3053')
    """
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = text.replace("'", "").replace("\n", ",").replace(";", ",")
    note = ""
    found = _NOTES.search(text)
    if found is not None and found.start() > 0:
        note, text = found.group(0), _NOTES.sub(" ", text)
    text, locker = _locker(text)
    text, postcode = _code(text)
    text = _SLASHED.sub(_unslashed, text, count=1)
    if " " in text:
        text = _LONG_STATE.sub(lambda match: STATES[match.group(0)], text)
    tokens, inside = _units(_TOKEN.findall(text.replace(".", "")))
    number, road, rest = ("", [], _words(tokens)) if locker.startswith("box") else _street(tokens)
    if not postcode:
        postcode = next((word for word in reversed(rest) if word.isdigit() and 4 <= len(word) <= 6), "")
    rest = [word for word in rest if word != postcode and word not in COUNTRY_WORDS]
    return Components(
        road=" ".join(road), road_number=number, floor=inside["floor"], room=inside["room"], locker=locker,
        postcode=postcode, rest=" ".join(rest), note=note,
    )  # fmt: skip


def _unslashed(match: re.Match[str]) -> str:
    """501/12 Oak St and Level 5/12 Oak St: what stands before the slash is inside the house."""
    lead = match.group(1).split()
    named = lead and (
        lead[-1] in "#u" or MISSPELT.get(lead[-1], UNIT_SLIPS.get(lead[-1], lead[-1])) in UNIT_WORDS | FLOOR_WORDS
    )
    before = " ".join(lead[:-1] if lead and lead[-1] == "u" else lead)
    return f"{before} {'' if named and lead[-1] != 'u' else 'unit'} {match.group(2)} , {match.group(3)}"


def _locker(text: str) -> tuple[str, str]:
    for word in _LOCKER_WORD.findall(text):
        if word in LOCKER_SLIPS:
            text = text.replace(word, LOCKER_SLIPS[word])
    match = _BOX.search(text)
    if match is not None:
        return text[: match.start()] + "," + text[match.end() :], f"box {match.group(1) or ''}".strip()
    match = _LOCKER.search(text)
    if match is not None:
        return text[: match.start()] + "," + text[match.end() :], f"locker {match.group(1) or ''}".strip()
    return text, ""


def _code(text: str) -> tuple[str, str]:
    """Take out a British, Canadian or nine-digit American postcode; others are found among the words."""
    match = _POSTCODE.search(text)
    if match is None:
        return text, ""
    return text[: match.start()] + " , " + text[match.end() :], "".join(part for part in match.groups() if part)


def _units(raw: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take units and floors out of the words and spell the words alike."""
    inside = {"room": "", "floor": ""}
    words: list[str] = []
    waits = ""
    for at, token in enumerate(raw):
        word = NUMBER_WORDS.get(token, token)
        following = raw[at + 1] if at + 1 < len(raw) else ""
        numbered = following[:1].isdigit() or len(following) == 1 or following in NUMBER_WORDS
        word = MISSPELT.get(word, UNIT_SLIPS.get(word, word) if numbered else word)
        joined = _UNIT_JOINED.match(word)
        if joined is not None:
            inside["room"] = _joined(inside["room"], joined.group(1))
        elif waits and (word[:1].isdigit() or len(word) == 1) and word != ",":
            inside[waits] = _joined(inside[waits], word)
            waits = ""
        elif word in UNIT_WORDS and (numbered or word == "#"):
            waits = "room"
        elif word in FLOOR_WORDS and numbered:
            waits = "floor"
        elif word in FLOOR_WORDS and words and re.fullmatch(r"\d+(?:st|nd|rd|th)", words[-1]):
            inside["floor"] = words.pop()[:-2]
        else:
            word = COMMON_WORDS.get(word, STREET_TYPES.get(word, word))
            words.append(word + "asse" if len(word) > 5 and word.endswith("str") else word)
    return words, inside


def _joined(earlier: str, value: str) -> str:
    value = value.lstrip("0") or "0"
    return f"{earlier}.{value}" if earlier and earlier != value else value


_TYPES = frozenset(STREET_TYPES.values())
_COMPOUND = ("strasse", "straat", "gasse", "platz", "allee", "gatan")
_Street = tuple[str, list[str], list[str]]


def _street(words: list[str]) -> _Street:
    """House number, words of the street with its type, and all other words."""
    for at, word in enumerate(words):
        if len(word) > 6 and word.endswith(_COMPOUND):
            return _around(words, at, at)
        if word in _TYPES and at and words[at - 1] != "," and not _is_number(words[at - 1]):
            start = at - 1
            while start > 0 and words[start - 1] != "," and not _is_number(words[start - 1]) and at - start < 5:
                start -= 1
            return _around(words, start, at)
    return _without_type(words)


def _around(words: list[str], start: int, end: int) -> _Street:
    """The number before the street, or else behind it; a direction behind the type belongs to the street."""
    before, road, after = words[:start], words[start : end + 1], words[end + 1 :]
    number = ""
    near = before[:-1] if before[-1:] == [","] else before
    if near and _is_number(near[-1]) and len(near[-1]) < 6:
        number, before = near[-1], near[:-1]
    elif after and _is_number(after[0]) and len(after[0]) < 5:
        number, after = after[0], after[1:]
    if after and after[0] in DIRECTIONS:
        road, after = [*road, after[0]], after[1:]
    return _plain(number), road, _words(before + after)


def _without_type(words: list[str]) -> _Street:
    """The words behind the first number that is no postcode, or else before it, up to the next comma or number."""
    at = next((at for at, word in enumerate(words) if _is_number(word) and len(word) < 5), None)
    if at is None:
        return "", [], _words(words)
    end = start = at
    while end + 1 < len(words) and words[end + 1] != "," and not _is_number(words[end + 1]):
        end += 1
    while end == at and start > 0 and words[start - 1] != "," and not _is_number(words[start - 1]):
        start -= 1
    if end == start:
        return (
            ("", [], _words(words))
            if len(words[at]) == 4
            else (_plain(words[at]), [], _words(words[:at] + words[at + 1 :]))
        )
    road = [word for i, word in enumerate(words[start : end + 1], start) if i != at]
    return _plain(words[at]), road, _words(words[:start] + words[end + 1 :])


def _words(tokens: list[str]) -> list[str]:
    return [word for word in tokens if word != ","]


def _is_number(word: str) -> bool:
    return word[0].isdigit() and not word.endswith(("st", "nd", "rd", "th"))


def _plain(number: str) -> str:
    return number.lstrip("0") or number[-1:]


_STATE_WORDS = STATE_LETTERS | STATE_SLIPS | STATE_NAMES


def places(rest: str, postcode: str) -> list[str]:
    """Words of ``rest`` that name a place: a state says nothing beside a postcode."""
    words = rest.split()
    return [word for word in words if word not in _STATE_WORDS] if postcode else words
