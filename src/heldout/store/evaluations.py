"""Evaluations as lines of ``evals/<benchmark>.jsonl``: of many problems the ids once, the counts short.

A line of few problems holds their ids and a list of counts. One of many names its problems by a digest, under which
``evals/<benchmark>.ids.json`` holds their ids, once for each set of problems, and its counts are a text: base64 of a
byte for each. Where no ids could be written beside it, and in older versions, it holds them itself. All of these are
written and read here alone.

What it cannot see: two processes that add sets of problems to one benchmark in the same millisecond. The ids of one may
be lost then, until it measures again.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from heldout.errors import UsageError
from heldout.run import Evaluation, Outcomes, checked_counts
from heldout.stats.arrays import FloatArray, IntArray
from heldout.steps import checked_step
from heldout.store.layout import EVALUATION_KEYS, ids_file
from heldout.store.lines import plain, read_rows, replacing, text_of
from heldout.text import size_of

# From so many problems on counts are packed and ids stand beside: as lists they are tens of kilobytes, which nobody
# reads line by line. The usual sets that people do look into have fewer (HumanEval 164, MBPP 500), and one file less.
PACKED = BESIDE = 1000
MOST_SETS = 16  # a benchmark with more sets of problems draws them anew all the time, so their ids stay in the lines
LARGEST = 2**26  # bytes; the ids of a million problems are some 30 MB
NO_EVALUATION = (KeyError, TypeError, ValueError, OverflowError, UsageError)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(ids: Sequence[str]) -> str:
    """Return what stands for ids in this order: the SHA-256 of their JSON list, without blanks, as UTF-8.

    >>> digest_of(["a", "b"])[:20]
    'sha256:0473ef2dc0d32'
    """
    return f"sha256:{hashlib.sha256(orjson.dumps(list(ids))).hexdigest()}"


def evaluation_columns(measured: Evaluation) -> dict[str, Any]:
    """Return what a line says of a measurement whose problems are known one by one, and when it is written.

    The ids stand in it themselves; `kept_beside` makes room.
    """
    assert measured.outcomes is not None
    samples = measured.outcomes.samples
    return {
        "step": measured.step,
        "time": time.time(),
        "benchmark": text_of(measured.benchmark),
        "problems": [text_of(problem) for problem in measured.outcomes.problems],
        "passed": _written(measured.outcomes.passed),
        "samples": int(samples[0]) if np.all(samples == samples[0]) else _written(samples),
    }


def also_known(also: Mapping[str, Any], step: int, lose: Callable[[str], None]) -> dict[str, Any]:
    """Return what else a line says of a measurement; of each value that cannot be written `lose` is told in words."""
    row: dict[str, Any] = {}
    for key, value in also.items():
        try:
            if key in EVALUATION_KEYS:
                raise UsageError("a name that the record uses itself")
            row[text_of(key)] = float(value) if isinstance(value, float) else plain(value, key)
        except (UsageError, RecursionError) as error:
            lose(f"{key!r} of the evaluation of step {step} ({error})")
    return row


def kept_beside(path: Path, ids: list[str]) -> str | list[str]:
    """See to it that many ids stand beside a file of evaluations; return what its next line says of its problems.

    That is their digest, or the ids where they are few, or there are too many sets of them. A file of ids that cannot
    be understood is moved aside. An OSError where nothing can be written.
    """
    if len(ids) < BESIDE:
        return ids
    digest, place = digest_of(ids), ids_file(path)
    known, why = _read_ids(place)
    if known.get(digest) == ids:
        return digest
    content = orjson.dumps({**known, digest: ids}, option=orjson.OPT_APPEND_NEWLINE)
    if len(known) >= MOST_SETS or len(content) > LARGEST:
        return ids
    place.parent.mkdir(exist_ok=True)
    if why and place.exists():
        place.rename(place.with_suffix(".broken"))
    with replacing(place) as new:
        new.write_bytes(content)
    return digest


def evaluation_in(line: Mapping[str, Any]) -> tuple[Evaluation, str]:
    """Return the evaluation that a line holds, and the digest of its problems, empty where it holds their ids.

    Where there is a digest the problems are only numbered, until `with_ids`. One of `NO_EVALUATION` is raised where the
    line holds none.
    """
    if type(line["step"]) is not int:
        raise UsageError("its step is no whole number")
    problems, digest = line["problems"], ""
    passed, samples = _read(line["passed"]), _read(line["samples"])
    if isinstance(problems, str):
        if not _DIGEST.fullmatch(problems):
            raise UsageError("its problems are neither ids nor a digest")
        digest, count = problems, len(passed)
        outcomes = Outcomes(_numbered(digest, count), *checked_counts(count, passed, samples))
    else:
        outcomes = Outcomes.from_counts(problems, passed, samples)
    return Evaluation.of(checked_step(line["step"]), outcomes, str(line["benchmark"])), digest


def with_ids(
    path: Path, found: Sequence[tuple[Evaluation, str]], also: Sequence[str] = ()
) -> tuple[list[Evaluation | None], Counter[str]]:
    """Give the evaluations of a file the ids that stand beside it.

    Parameters
    ----------
    path
        The file.
    found
        What `evaluation_in` returned of its lines.
    also
        Ids of a set of problems that are known besides, so that they need not stand there.

    Returns
    -------
    named, unknown
        The evaluations as they were found, None where a line has not as many counts as there are problems. And how many
        have problems that are only numbered, by the reason for it. Problems of one digest have the same numbers.
    """
    sizes = Counter((digest, evaluation.problems or 0) for evaluation, digest in found if digest)
    told, why = _read_ids(ids_file(path)) if sizes else ({}, "")
    ids = [text_of(one) for one in also]
    told = {**told, digest_of(ids): ids} if ids else told
    sets: dict[str, tuple[tuple[str, ...], str]] = {"": ((), "")}
    for digest, size in sorted(sizes, key=sizes.__getitem__):  # of several sizes the usual one is the last
        wrong = _wrong_with(told[digest], digest) if digest in told else why or "does not hold them"
        sets[digest] = _numbered(digest, size) if wrong else tuple(told[digest]), wrong
    named = [_named(evaluation, sets[digest][0]) if digest else evaluation for evaluation, digest in found]
    unknown = Counter(sets[digest][1] for one, (_, digest) in zip(named, found, strict=True) if one is not None)
    return named, Counter({wrong: count for wrong, count in unknown.items() if wrong})


def evaluations_at(path: Path, also: Sequence[str] = ()) -> list[tuple[dict[str, Any], Evaluation]]:
    """Return the lines of a file that hold an evaluation, each with it, in order; `also` as for `with_ids`."""
    rows: list[dict[str, Any]] = []
    found: list[tuple[Evaluation, str]] = []
    for row in read_rows(path).rows:
        with suppress(*NO_EVALUATION):
            found.append(evaluation_in(row))
            rows.append(row)
    named, _ = with_ids(path, found, also)
    return [(row, evaluation) for row, evaluation in zip(rows, named, strict=True) if evaluation is not None]


def _read_ids(place: Path) -> tuple[dict[str, Any], str]:
    """Return the sets of ids in a file, by digest, of which nothing is checked yet; or why there are none."""
    try:
        if not place.is_file():
            return {}, "is not there"
        if (size := place.stat().st_size) > LARGEST:
            return {}, f"is too large ({size_of(size)}; read are {size_of(LARGEST)})"
        told = orjson.loads(place.read_bytes())
    except OSError as error:
        return {}, f"cannot be read ({error.strerror or error})"
    except ValueError:
        return {}, "is broken or cut"
    return (told, "") if isinstance(told, dict) else ({}, "is no mapping from digests to ids")


def _wrong_with(ids: Any, digest: str) -> str:
    """Return why what stands under a digest are not its ids; "" where they are."""
    if not isinstance(ids, list) or not all(type(one) is str for one in ids):
        return "holds something else than ids in their place"
    if digest_of(ids) != digest:
        return "holds other ids in their place"
    return "" if len(set(ids)) == len(ids) else "holds some of them twice"


def _named(evaluation: Evaluation, ids: tuple[str, ...]) -> Evaluation | None:
    outcomes = evaluation.outcomes
    if outcomes is None or len(outcomes) != len(ids):
        return None
    return replace(evaluation, outcomes=replace(outcomes, problems=ids))


@lru_cache(maxsize=MOST_SETS)
def _numbered(digest: str, count: int) -> tuple[str, ...]:
    """Return names for problems whose ids are not known: the same for all who have the digest."""
    return tuple(f"{digest[:19]}/{number}" for number in range(1, count + 1))


def _written(counts: FloatArray | IntArray) -> str | list[float]:
    """Return counts as a line holds them."""
    if len(counts) >= PACKED and np.all((counts % 1 == 0) & (counts <= 255)):
        return base64.b64encode(counts.astype(np.uint8).tobytes()).decode()
    return [int(count) if float(count).is_integer() else count for count in counts.tolist()]


def _read(counts: Any) -> Any:
    """Return counts as numbers; a ValueError where a text is none of `_written`."""
    return np.frombuffer(base64.b64decode(counts, validate=True), np.uint8) if isinstance(counts, str) else counts
