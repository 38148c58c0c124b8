"""What the names of folders and files say: held-out or training, and at which step."""

from __future__ import annotations

import re
from pathlib import Path

from heldout.metrics.keys import BENCHMARKS

_WORDS = r"(?:val|valid|validation|evals?|evaluations?|tests?|dev|held[-_]?out)"
_HELD_OUT = re.compile(rf"(?:.*[_.-])?{_WORDS}(?:[_.-].*)?", re.IGNORECASE)
# Of a folder: words that mean nothing else may have anything behind them, such as the name of a benchmark; "test-run-3"
# is a run.
_SURE = r"(?:evals?|evaluations?|validation|held[-_]?out)"
_OF_SCORES = r"(?:results?|logs?|metrics|scores?|outputs?|sets?|split|data)"
_HELD_OUT_FOLDER = re.compile(rf"(?:logs?[_.-])?(?:{_SURE}(?:[_.-].*)?|{_WORDS}(?:[_.-]{_OF_SCORES})?)", re.IGNORECASE)
# Of a file: words that mean nothing else may stand anywhere, the others at an end of the name.
_HELD_OUT_FILE = re.compile(
    rf"(?:.*[_.-])?{_SURE}(?:[_.-].*)?|{_WORDS}[_.-].*|(?:.*[_.-])?{_WORDS}",
    re.IGNORECASE,
)
_TRAINING = re.compile(r"(?:.*[_.-])?(?:train|training|rollouts?)(?:[_.-].*)?", re.IGNORECASE)
_STEP_ALONE = re.compile(
    r"(?:global[_-]?)?(?:step|checkpoint|ckpt|iter|iteration|update|epoch)s?[_.=-]?(\d{1,18})(?!\d)", re.IGNORECASE
)
_STEP = re.compile(rf"(?:.*[_.-])?{_STEP_ALONE.pattern}(?:[_.-]\D*)?", re.IGNORECASE)
_SORTING = ("rollouts", "traces")
# Words of a name that say what sort of file it is, and not of which run.
_OF_ANY_RUN = frozenset(
    [
        "log",
        "logs",
        "metrics",
        "results",
        "result",
        "scores",
        "score",
        "history",
        "reward",
        "rewards",
        "curve",
        "curves",
    ]
)


def is_held_out(name: str) -> bool:
    """Whether the name of a folder or file says that what it holds is of held-out problems."""
    return _HELD_OUT.fullmatch(name) is not None


def is_training(name: str) -> bool:
    """Whether the name of a folder or file says that what it holds is of the training."""
    return _TRAINING.fullmatch(name) is not None


def step_in(name: str) -> int | None:
    """Return the step that a name gives: ``step_100``, ``checkpoint-100``."""
    found = _STEP.fullmatch(name)
    return int(found.group(1)) if found else None


def owner(path: Path, root: Path) -> Path:
    """Return the folder of the run to which a file of held-out outcomes or scores belongs.

    It stands above the folders that only sort them: ``val``, ``evals/step_100/gsm8k``.
    """
    folder = root
    for part in path.relative_to(root).parts[:-1]:
        if is_held_out(part) or step_in(part) is not None or part in _SORTING:
            break
        folder = folder / part
    return folder


def is_held_out_folder(name: str) -> bool:
    """Whether a folder is named for evaluations alone, as ``validation`` or ``eval_gsm8k`` is, and not for a run."""
    return _HELD_OUT_FOLDER.fullmatch(name) is not None


def is_held_out_file(stem: str) -> bool:
    """Whether a file is named for evaluations, as ``eval_results``, ``humaneval`` and ``run_a_val`` are."""
    return _HELD_OUT_FILE.fullmatch(stem) is not None or stem.lower() in BENCHMARKS


def words_of_run(stem: str) -> tuple[str, ...]:
    """Return the words of a file's name that may name its run: those of ``run_a_eval`` are "run" and "a"."""
    words = re.split(r"[^0-9a-z]+", stem.lower())
    return tuple(word for word in words if word and not (is_held_out(word) or is_training(word) or word in _OF_ANY_RUN))


def words_beside_step(stem: str) -> tuple[str, ...]:
    """Return the words of such a name without its step: those of ``gsm8k_step_50`` are "gsm8k"."""
    return tuple(word for word in words_of_run(_STEP_ALONE.sub("-", stem)) if not word.isdecimal())
