"""The registry: every format of problem sets that can be read, and how a row of it is recognised.

To add a format, write a file with one function ``read(row)``, which turns a `Row` into a `Reading` or raises a
TaskError that says where and why, and add one line to `FORMATS`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from heldout.errors import TaskError, UsageError
from heldout.tasks.contamination import groups
from heldout.tasks.formats import (
    acecode,
    apps,
    bigcodebench,
    code_contests,
    cruxeval,
    deepcoder,
    evalplus,
    human_eval,
    kodcode,
    leetcode,
    livecodebench,
    maths,
    mbpp,
    multipl_e,
    open_r1,
    own,
)
from heldout.tasks.formats.reading import Reading
from heldout.tasks.problem import Problem, Task
from heldout.tasks.rows import Row
from heldout.text import counted, sentence_list

_TRAIN, _VALIDATION = 0.8, 0.9  # where a hash in [0, 1) passes from one split to the next
NO_TEST = "there is no test"
_SHOWN = 3  # tests that a note quotes


class Variant(NamedTuple):
    """Another question that the rows of a format can be read as."""

    read: Callable[[Row], Reading]
    rule: str  # what has to be said of it: a sentence


@dataclass(frozen=True, slots=True)
class Format:
    """One format of problem sets."""

    id: str
    title: str  # for people
    keys: tuple[str, ...]  # a row has all of these; "a|b" is either
    read: Callable[[Row], Reading]
    benchmark: bool = True  # whether problems that name no split are for testing; else a hash of the prompt decides
    rule: str = ""  # how its tests are compared, where that has to be said: a sentence
    known: frozenset[str] | None = None  # the keys that have a meaning, where all others are to be named
    variants: Mapping[str, Variant] = field(default_factory=dict)  # by what users call them

    def recognises(self, data: Mapping[str, Any]) -> bool:
        """Say whether a row has the keys of this format."""
        return all(any(one in data for one in key.split("|")) for key in self.keys)

    def variant(self, name: str) -> Format:
        """Return the format with its rows read as a variant; one that does not exist is a UsageError."""
        if not name:
            return self
        if name not in self.variants:
            there = f"it has {sentence_list(list(map(repr, self.variants)))}" if self.variants else "it has none"
            raise UsageError(f"{self.title} has no variant {name!r}; {there}.")
        read, rule = self.variants[name]
        return replace(self, read=read, rule=rule)


# In the order in which they are asked, those with the most particular keys first.
FORMATS = (
    Format("evalplus", "HumanEval+ and MBPP+", ("base_input", "entry_point"), evalplus.native, rule=evalplus.RULE),
    Format(
        "bigcodebench",
        "BigCodeBench",
        ("code_prompt|complete_prompt", "entry_point", "test"),
        bigcodebench.read,
        rule=bigcodebench.RULE,
    ),
    Format("leetcode", "LeetCodeDataset", ("starter_code", "entry_point", "test"), leetcode.read, benchmark=False),
    Format("multipl-e", "MultiPL-E", ("language", "prompt", "tests"), multipl_e.read),
    Format("acecode", "AceCode", ("question", "test_cases"), acecode.read, benchmark=False, rule=acecode.RULE),
    Format(
        "kodcode",
        "KodCode",
        ("question", "solution", "test|test_code"),
        kodcode.read,
        benchmark=False,
        rule=kodcode.RULE,
    ),
    Format(
        "cruxeval",
        "CRUXEval",
        ("code", "input", "output"),
        cruxeval.read,
        rule=cruxeval.RULE,
        variants={"input": Variant(cruxeval.read_input, cruxeval.INPUT_RULE)},
    ),
    Format(
        "mbpp-plus",
        "MBPP+",
        ("test_list", "code", "test"),
        evalplus.mbpp_plus,
        rule=evalplus.RULE,
        variants={"published": Variant(evalplus.mbpp_plus_published, f"{evalplus.RULE} {mbpp.PUBLISHED}")},
    ),
    Format(
        "livecodebench",
        "LiveCodeBench",
        ("question_id", "public_test_cases", "private_test_cases"),
        livecodebench.read,
        rule=livecodebench.RULE,
    ),
    Format("apps", "APPS and TACO", ("question", "input_output"), apps.read, rule=apps.RULE),
    Format(
        "code-contests",
        "CodeContests",
        ("public_tests", "private_tests", "description"),
        code_contests.read,
        rule=code_contests.RULE,
    ),
    Format(
        "open-r1",
        "open-r1 verifiable",
        ("problem_statement", "verification_info"),
        open_r1.verifiable,
        benchmark=False,
        rule=open_r1.RULE,
    ),
    Format(
        "codeforces",
        "Codeforces of open-r1",
        ("official_tests", "time_limit"),
        open_r1.codeforces,
        benchmark=False,
        rule=open_r1.CODEFORCES_RULE,
    ),
    Format("deepcoder", "DeepCoder", ("problem", "tests"), deepcoder.read, benchmark=False, rule=deepcoder.RULE),
    Format("gsm8k", "GSM8K", ("question", "answer"), maths.gsm8k, rule=maths.GSM8K_RULE),
    Format("maths", "MATH and AIME", ("problem", "answer"), maths.competition, rule=maths.RULE),
    Format("heldout", "heldout's own", ("tests",), own.read, benchmark=False, known=own.KEYS),
    Format("human-eval", "HumanEval", ("test",), human_eval.read),
    Format(
        "mbpp",
        "MBPP",
        ("test_list",),
        mbpp.read,
        variants={"published": Variant(mbpp.published, mbpp.PUBLISHED)},
    ),
    Format("answers", "heldout's own of answers", ("prompt", "answer"), maths.own, benchmark=False, known=maths.KEYS),
)


def read(name: str, rows: Sequence[Row], split: str | None = None, *, keep: bool = False, variant: str = "") -> Task:
    """Turn rows, at least one, into a task: the keys of the first tell whose format they are.

    A test that cannot be judged is left out, a problem without any test that can be is left out too, and both are
    named in notes. A problem that names no split is for testing if the set is a benchmark; otherwise a hash of its
    prompt decides, 80 : 10 : 10, and problems that look alike (`heldout.tasks.contamination.groups`) stay together.
    `split` puts every problem into this split, whatever the rows say; `keep` lets each hold its row; `variant` is one
    of those of the format.

    Raises
    ------
    UsageError
        When the format has no such variant.
    TaskError
        When a row is not of the format of the first, or an id occurs twice; the message names the file and the line.
    """
    format = _format_of(rows[0]).variant(variant)
    found: dict[str, Reading] = {}
    repeated: list[str] = []
    for row in rows:
        if not format.recognises(row.data):
            raise TaskError(
                f"{row.where}: the row has {sentence_list(sorted(row.data))}, and the first row was of the format "
                f"{format.title}, which has {_keys(format)}; keep rows of different formats in files of their own."
            )
        reading = format.read(row)
        problem = reading.problem
        where = split or row.split() or ("test" if format.benchmark else "")
        problem = replace(problem, split=where, unjudged=len(reading.unjudged), columns=row.data if keep else {})
        reading = replace(reading, problem=problem)
        if found.setdefault(problem.id, reading) is not reading:
            if found[problem.id] != reading:
                raise TaskError(
                    f"{row.where}: the id {problem.id!r} occurs a second time; every problem needs its own."
                )
            repeated.append(problem.id)
    problems = tuple(one.problem for one in found.values() if one.problem.tests)
    problems, apart = _divided(problems)
    return Task(
        name,
        problems,
        (*_notes(format, rows, found, split), *apart, *_repeated(repeated)),
        left_out={name: one.why or NO_TEST for name, one in found.items() if not one.problem.tests},
        order=tuple(found),
    )


def _format_of(row: Row) -> Format:
    known = next((format for format in FORMATS if format.recognises(row.data)), None)
    if known is None:
        others = [f"{one.title} ({_keys(one)})" for one in FORMATS if one.read is not own.read]
        raise TaskError(
            f"{row.where}: there are no tests; the row has {sentence_list(sorted(row.data))}, and needs 'tests', or "
            f"the keys of {sentence_list(others, 'or')} "
            "(columns of other names can be mapped)."
        )
    return known


def _keys(format: Format) -> str:
    return sentence_list([" or ".join(map(repr, key.split("|"))) for key in format.keys])


def _divided(problems: tuple[Problem, ...]) -> tuple[tuple[Problem, ...], list[str]]:
    """Choose a split for the problems that name none: problems that look alike go together, and a hash decides.

    Where one of them names a split, that decides. Returns what has to be said as well.
    """
    if all(problem.split for problem in problems):
        return problems, []
    members: dict[int, list[Problem]] = {}
    for problem, group in zip(problems, (of := groups(problems)), strict=True):
        members.setdefault(group, []).append(problem)
    chosen = {
        group: next((one.split for one in several if one.split), _hashed(min(one.prompt for one in several)))
        for group, several in members.items()
    }
    largest = max(map(len, members.values()))
    alike = sum(len(several) for several in members.values() if len(several) > 1)
    told = (
        f"{counted(alike, 'problem')} look like others and went to the same side as those; the largest group has "
        f"{largest} of {len(problems)}. To divide them otherwise, let the rows name splits."
    )
    return tuple(
        replace(problem, split=problem.split or chosen[group]) for problem, group in zip(problems, of, strict=True)
    ), [told] if alike else []


def _hashed(prompt: str) -> str:
    digest = hashlib.sha256(prompt.encode(errors="replace")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if place < _TRAIN else "validation" if place < _VALIDATION else "test"


def _notes(format: Format, rows: Sequence[Row], found: Mapping[str, Reading], split: str | None) -> Iterator[str]:
    if format.rule:
        yield format.rule
    yield from _unjudged(found)
    yield from _left_out(found)
    remarks: dict[str, list[Problem]] = {}
    for one in found.values():
        for remark in one.remarks:
            remarks.setdefault(remark, []).append(one.problem)
    for remark, several in remarks.items():
        ids = [one.id for one in several]
        yield f"{counted(len(ids), 'problem')}: {remark} ({sentence_list(_first(ids))})."
    unnamed = 0 if split else sum(row.data.get("split") is None for row in rows)
    if unnamed:
        hashed = "a hash of the prompt chose it, 80 : 10 : 10"
        chosen = "as a benchmark they are all for testing" if format.benchmark else hashed
        yield f"{counted(unnamed, 'problem')} named no split; {chosen}."
    if format.known and (unknown := Counter(key for row in rows for key in row.data.keys() - format.known)):
        times = [f"{key!r} ({counted(count, 'time')})" for key, count in sorted(unknown.items())]
        yield f"Not used: {sentence_list(times)}."


def _unjudged(found: Mapping[str, Reading]) -> Iterator[str]:
    """Name the tests that cannot be judged, by the reason."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for name, one in found.items():
        for test in one.unjudged if one.problem.tests else ():
            reasons.setdefault(one.why, []).append((name, test))
    for why, tests in reasons.items():
        names = list(dict.fromkeys(name for name, _ in tests))
        quoted = [f"`{test[:80]}{'…' * (len(test) > 80)}`" for _, test in tests[:_SHOWN]]
        yield (
            f"{counted(len(tests), 'test')} of {counted(len(names), 'problem')} not judged, because {why}: such as "
            f"{sentence_list(quoted)}; of {sentence_list(names)}."
        )


def _left_out(found: Mapping[str, Reading]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, one in found.items():
        if not one.problem.tests:
            reasons.setdefault(one.why or NO_TEST, []).append(name)
    for why, names in reasons.items():
        yield f"{counted(len(names), 'problem')} left out, because {why}: {sentence_list(names)}."


def _repeated(names: Sequence[str]) -> Iterator[str]:
    if names:
        ids = sentence_list(_first(names))
        yield f"{counted(len(names), 'row')} said again what another one says, and did not count: {ids}."


def _first(names: Sequence[str]) -> list[str]:
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return [*names[:_SHOWN], *more]
