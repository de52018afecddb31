"""The words of the console in English and Chinese, by area; a text that is missing is an error, never a blank."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

LANGUAGES = ("en", "zh")
AREAS = ("base", "staff", "queue", "case", "lists", "feedback", "audit", "lab", "performance", "tools")


def _read() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for area in AREAS:
        texts: Mapping[str, tuple[str, str]] = import_module(f"{__name__}.{area}").TEXTS
        twice = found.keys() & texts.keys()
        if twice:
            raise ValueError(f"texts twice: {sorted(twice)}")
        found.update(texts)
    return found


TEXTS = _read()


class Texts:
    """``t("key", n=3)`` in the language of the reader; values are put where the text names them."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._place = LANGUAGES.index(self.language)

    def __call__(self, key: str, **values: object) -> str:
        text = TEXTS[key][self._place]
        return text.format(**values) if values else text

    def pair(self, en: str, zh: str) -> str:
        """Of two texts that came from elsewhere the one to show."""
        return (en, zh)[self._place]
