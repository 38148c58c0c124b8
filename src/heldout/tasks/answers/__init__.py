"""Finding the answer: which program does a completion stand for?"""

from heldout.tasks.answers.reading import Extracted, read_answer

__all__ = ["Extracted", "read_answer"]
