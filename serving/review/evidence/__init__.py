"""The evidence of a case: who is in it, what they share and with whom, what holds them and what speaks for them."""

from serving.review.evidence.gather import evidence_of
from serving.review.evidence.mask import mask
from serving.review.evidence.parts import (
    KINDS,
    WHATS,
    Evidence,
    Hold,
    Hub,
    Member,
    Moment,
    Scored,
    Sight,
    Similar,
    Thing,
    Totals,
    Words,
)

__all__ = [
    "KINDS",
    "WHATS",
    "Evidence",
    "Hold",
    "Hub",
    "Member",
    "Moment",
    "Scored",
    "Sight",
    "Similar",
    "Thing",
    "Totals",
    "Words",
    "evidence_of",
    "mask",
]
