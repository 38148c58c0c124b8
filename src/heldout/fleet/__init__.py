"""A fleet: many runs judged without figures, ranked, and paid for as the many questions that they are."""

from heldout.fleet.fleet import Fleet, judge

__all__ = ["Fleet", "judge"]
