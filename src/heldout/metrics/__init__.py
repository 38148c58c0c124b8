"""Which column is what: what names mean, which way is better, in which unit, and which column plays which part.

Everybody else asks here and nowhere else, so that a key means the same in every format and in every room.
"""

from heldout.metrics.choice import (
    Choice,
    Choices,
    choose,
    choose_roles,
    differs,
    is_reward_elsewhere,
    repeats,
)
from heldout.metrics.log_words import is_of_evaluations
from heldout.metrics.meanings import (
    BY_NAME,
    MEANINGS,
    ROLES,
    Better,
    Match,
    Meaning,
    as_markdown,
    better_of,
    checked_roles,
    heading_of,
    is_score,
    label_of,
    meaning_of,
    means,
    names_score,
)
from heldout.metrics.units import Unit, changes_in_ratios, is_share, may_be_share, samples_in, unit_of

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
    "better_of",
    "changes_in_ratios",
    "checked_roles",
    "choose",
    "choose_roles",
    "differs",
    "heading_of",
    "is_of_evaluations",
    "is_reward_elsewhere",
    "is_score",
    "is_share",
    "label_of",
    "may_be_share",
    "meaning_of",
    "means",
    "names_score",
    "repeats",
    "samples_in",
    "unit_of",
]
