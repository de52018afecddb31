"""Word lists behind the keys of Western addresses: street types, units, states, lockers, and their misspellings."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STREET_TYPES = {
    "street": "st", "str": "st", "strt": "st", "road": "rd", "avenue": "ave", "av": "ave", "aven": "ave",
    "boulevard": "blvd", "boul": "blvd", "drive": "dr", "drv": "dr", "lane": "ln", "la": "ln", "court": "ct",
    "crt": "ct", "place": "pl", "plc": "pl", "square": "sq", "highway": "hwy", "parkway": "pkwy", "pky": "pkwy",
    "terrace": "tce", "ter": "tce", "terr": "tce", "crescent": "cres", "cr": "cres", "crs": "cres", "parade": "pde",
    "circuit": "cct", "circ": "cct", "close": "cl", "grove": "gr", "grv": "gr", "gardens": "gdns", "circle": "cir",
    "way": "way", "alley": "aly", "esplanade": "esp", "mews": "mews", "row": "row", "walk": "walk", "wharf": "wharf",
    "trail": "trl", "track": "trk", "plaza": "plz", "loop": "loop", "broadway": "broadway", "expressway": "expy",
    "freeway": "fwy", "quay": "qy", "rise": "rise", "cove": "cove", "mall": "mall", "ridge": "rdg", "turnpike": "tpke",
    "strasse": "strasse", "rue": "rue", "via": "via", "calle": "calle", "straat": "straat",
}  # fmt: skip

COMMON_WORDS = {
    "mount": "mt", "saint": "st", "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne",
    "northwest": "nw", "southeast": "se", "southwest": "sw", "building": "bldg", "fort": "ft", "heights": "hts",
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th",
    "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip

DIRECTIONS = frozenset(_words("n s e w ne nw se sw"))

UNIT_WORDS = frozenset(
    _words("# apt apartment apartmt unit suite ste flat flt room rm no number villa lot shop door studio condo unt")
)
FLOOR_WORDS = frozenset(_words("level lvl floor fl flr storey"))

COUNTRY_WORDS = frozenset(
    _words("usa us united states america australia uk kingdom gb england china prc canada nz zealand")
)

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(_words("zero one two three four five six seven eight nine ten eleven twelve"))
}

# States by their postal letters; a two-letter word is one only behind a comma or before the postcode.
STATES = {
    "new south wales": "nsw", "victoria": "vic", "queensland": "qld", "south australia": "sa",
    "western australia": "wa", "tasmania": "tas", "northern territory": "nt", "australian capital territory": "act",
    "california": "ca", "new york": "ny", "texas": "tx", "florida": "fl", "illinois": "il", "ohio": "oh",
    "pennsylvania": "pa", "georgia": "ga", "michigan": "mi", "new jersey": "nj", "virginia": "va", "washington": "wa",
    "massachusetts": "ma", "arizona": "az", "colorado": "co", "oregon": "or", "ontario": "on", "quebec": "qc",
    "british columbia": "bc", "alberta": "ab",
}  # fmt: skip
# Names of states that are seldom a suburb's or a town's.
STATE_NAMES = frozenset(STATES) - {"victoria", "washington", "georgia", "virginia", "new york"}
STATE_LETTERS = frozenset(STATES.values()) | frozenset(
    _words(
        "al ak ar ct de hi id in ia ks ky la me md mn ms mo mt ne nv nh nm nc nd ok ri sc sd tn ut vt wv wi wy dc "
        "mb nb nl ns pe sk"
    )
)


def _misspelt(words: frozenset[str]) -> dict[str, str]:
    """Swapped neighbours and one missing letter of longer words; a slip that is a word itself stays that word."""
    slips: dict[str, str] = {}
    for word in sorted(words):
        for i in range(len(word) - 1):
            if len(word) >= 4:
                slips.setdefault(word[:i] + word[i + 1] + word[i] + word[i + 2 :], word)
            if len(word) >= 6 and i:
                slips.setdefault(word[:i] + word[i + 1 :], word)
    return {slip: word for slip, word in slips.items() if slip not in words}


LOCKER_SLIPS = _misspelt(frozenset({"parcel", "locker", "pickup"}))
STATE_SLIPS = frozenset(
    word[:i] + word[i + 1] + word[i] + word[i + 2 :] for word in STATE_LETTERS for i in range(len(word) - 1)
)
_KNOWN = frozenset(STREET_TYPES) | frozenset(COMMON_WORDS) | UNIT_WORDS | FLOOR_WORDS
# Slips of short words, where a rule would hit other words.
_SHORT = {"ts": "st", "aev": "ave", "eav": "ave", "vae": "ave"}
UNIT_SLIPS = {"pat": "apt", "atp": "apt", "aprt": "apt", "appt": "apt"}
MISSPELT = _SHORT | {
    slip: word for slip, word in _misspelt(_KNOWN).items() if word not in {"first", "lot", "door", "broadway"}
}
