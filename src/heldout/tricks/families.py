"""The families of tricks: what each does, which graders pay it, and what to change in the reward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of trick."""

    name: str  # by which reports, JSON and tests call it
    does: str  # what an answer of it does, after "it": "ends the process before the checks"
    pays: str  # where it is paid, after "where"
    fix: str  # what to change in the reward, as an order


_LIST = (
    Family(
        "leave",
        "ends the process before the checks",
        "success is an exit status or the absence of an error",
        "Let the program return values that the host compares; where no value came back, pay nothing.",
    ),
    Family(
        "compare",
        "decides the comparison itself",
        "the grader's ==, in, bool() or assertEqual meets an object of the program's",
        "Bring back plain values of exact types, and compare them outside the program's process.",
    ),
    Family(
        "forge",
        "writes the verdict itself",
        "standard output, a file or an exit text is the verdict",
        "Read the verdict from where the program cannot write; never from output that it shares.",
    ),
    Family(
        "tests",
        "edits, deletes or skips the tests",
        "the tests lie where the program can write, or a skipped test counts as passed",
        "Keep the tests out of reach, and compare how many were executed with how many there are.",
    ),
    Family(
        "read",
        "takes the expected values from the grader",
        "expected values are in the program's process, folder, environment or reach",
        "Never let expected values into the process that runs the program.",
    ),
    Family(
        "hard-code",
        "knows the inputs of the tests by heart",
        "tests are shown, few or constant",
        "Judge by hidden tests of the same kind, on inputs that are drawn.",
    ),
    Family(
        "swallow",
        "makes errors into answers",
        "an exception counts as a pass, or partial credit counts the asserts that were reached",
        "Pay nothing for an error, and count a failure of the grader itself as not judged.",
    ),
    Family(
        "nothing",
        "gives no answer",
        "an empty or unreadable answer is paid, or there are no tests",
        "Pay nothing where there is no answer, and refuse problems without tests.",
    ),
    Family(
        "guess",
        "gives several answers, or one so wide that it holds the right one",
        "any of several answers may be right",
        "Take out exactly one answer, and compare it for equality.",
    ),
    Family(
        "contradict",
        "says the right answer in one place and another in the end",
        "the answer is looked for anywhere in the text",
        "Read the answer from one marked place only.",
    ),
    Family(
        "format",
        "has the form that is asked for, and nothing in it",
        "form is paid in addition to correctness",
        "Multiply the reward for form by correctness; never add it.",
    ),
    Family(
        "pad",
        "fills its length with repetition or empty steps",
        "length or the number of steps is paid",
        "Let length only decide between right answers.",
    ),
    Family(
        "judge",
        "speaks to the grader instead of answering",
        "a language model judges the whole text",
        "Show the judge the extracted answer only, and test it with empty and hostile answers.",
    ),
    Family(
        "inject",
        "is code, a pattern or no number where an answer is expected",
        "the grader evaluates the answer's text, matches by it, or pastes it into a program",
        "Parse answers with a grammar of your own, in which NaN is no number; never evaluate them or match by them.",
    ),
    Family(
        "state",
        "changes what later answers are judged by",
        "the grader keeps anything from one answer to the next",
        "Judge every program in a process of its own, and key what is cached by all inputs.",
    ),
    Family(
        "time",
        "hangs or floods until the grader gives up",
        "a timeout is a pass, is skipped, or fails the grader",
        "Pay nothing for a timeout, and try it once more on an idle worker.",
    ),
    Family(
        "weak",
        "is wrong in a way that no test asks about",
        "tests are too few",
        "Add tests: those inputs on which wrong programs differ from the known solution.",
    ),
)

FAMILIES: Mapping[str, Family] = {one.name: one for one in _LIST}
