"""Rings: accounts that act together, grown link by link in time order, and shown with what holds them together.

``links`` says who joined whom and how strongly; ``growth`` lets rings grow in time order and carry their proof;
``forest`` and ``waists`` cut a weighted graph where it is weakest; ``ring`` is what a reviewer reads; ``components``
is the same partition as an Ibis expression for tables larger than memory.
"""

from models.abuse.rings.growth import CARRIED, LARGE, STRONG, Carried, carry, ring_names, sizes_at
from models.abuse.rings.linking import LEAST_STRENGTH, REACH_DAYS, links, strongest

__all__ = [
    "CARRIED",
    "LARGE",
    "LEAST_STRENGTH",
    "REACH_DAYS",
    "STRONG",
    "Carried",
    "carry",
    "links",
    "ring_names",
    "sizes_at",
    "strongest",
]
