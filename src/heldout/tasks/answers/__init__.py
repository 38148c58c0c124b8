"""Finding the answer: which program does a completion stand for?"""

from heldout.tasks.answers.published import READERS, read_strictly
from heldout.tasks.answers.reading import Extracted, read_answer, read_reply

__all__ = ["READERS", "Extracted", "read_answer", "read_reply", "read_strictly"]
