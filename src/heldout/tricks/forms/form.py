"""What a form is, and the rows of the tables from which forms are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Knows = Literal["nothing", "shown tests", "the grader", "the answer", "a solution"]
NAME = "ENTRY"  # in a row: the name of the function that the tests call
ARGUMENTS = "ARGS"  # in a row: the arguments of a call, as a tuple


@dataclass(frozen=True, slots=True)
class Form:
    """A wrong answer, written out."""

    family: str  # of `heldout.tricks.FAMILIES`
    name: str  # its own, unique within the family
    text: str  # the completion
    knows: Knows = "nothing"  # what one must know to write it
    program: str = ""  # the whole program that the text stands for; empty where it stands for none


@dataclass(frozen=True, slots=True)
class Code:
    """A trick in a program: what stands at its top and in the function, or in a script that prints."""

    family: str
    name: str
    top: str = ""  # statements at the top
    body: str | None = ""  # of the function, which is not defined without any; None where it is a trick of scripts
    script: str | None = None  # statements after the top, where stdin is read; None where it is a trick of functions
    knows: Knows = "nothing"


@dataclass(frozen=True, slots=True)
class Said:
    """A trick in a text that is no program."""

    family: str
    name: str
    text: str
    knows: Knows = "nothing"
