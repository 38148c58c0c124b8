"""Which column is what: what names mean, which way is better, in which unit, and which column plays which part.

Everybody else asks here and nowhere else, so that a key means the same in every format and in every room.
"""

from heldout.metrics.choice import Choice, Choices, choose, is_reward_elsewhere
from heldout.metrics.meanings import (
    BY_NAME,
    MEANINGS,
    ROLES,
    Better,
    Match,
    Meaning,
    as_markdown,
    benchmarks,
    better_of,
    checked_roles,
    choose_roles,
    heading_of,
    is_rate,
    label_of,
    meaning_of,
)
from heldout.metrics.units import Unit, unit_of

__all__ = [
    "BY_NAME",
    "MEANINGS",
    "ROLES",
    "Better",
    "Choice",
    "Choices",
    "Match",
    "Meaning",
    "Unit",
    "as_markdown",
    "benchmarks",
    "better_of",
    "checked_roles",
    "choose",
    "choose_roles",
    "heading_of",
    "is_rate",
    "is_reward_elsewhere",
    "label_of",
    "meaning_of",
    "unit_of",
]
