"""Were two recipes evaluated alike? The same problems, prompt, timeout, temperature, length and samples, if logs tell.

Settings are looked for by their names. One that names evaluation goes before one that does not; the settings of a run
of `heldout train` hold for its evaluations as they do for its training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heldout.compare.model import Checked
from heldout.compare.outcomes import Point, common
from heldout.run import Run
from heldout.settings import recipe_of
from heldout.text import counted, excerpt, sentence_list

SAME, DIFFERS, NOT_KNOWN = "same", "differs", "not known"
FEWEST_COMMON = 50  # problems
SHARE_COMMON = 0.8  # of the larger set
_CONDITIONS = {
    "prompt": frozenset({"prompt", "template", "prompt_template", "system_prompt", "chat", "chat_template", "variant"})
    | {"few_shot", "num_fewshot", "extract", "stop_sequences"},
    "timeout": frozenset({"timeout", "seconds", "time_limit", "test_timeout"}),
    "temperature": frozenset({"temperature", "top_p", "top_k"}),
    "length": frozenset({"max_new_tokens", "max_tokens", "max_completion_length", "max_response_length"})
    | {"max_gen_toks", "response_length", "max_length"},
}
_OF_EVALUATION = frozenset({"eval", "evaluate", "evaluation", "val", "valid", "validation", "test", "heldout"})
_SET = frozenset({"dataset", "datasets", "dataset_name", "data", "benchmark", "benchmarks", "task", "tasks", "set"})
_SET_FILES = frozenset({"file", "files", "path", "data_path", "dataset_path", "data_file", "data_files"})
_TELLS_NOTHING = 8  # letters before a number: "question", "problem"
_OURS = frozenset({"evaluate_problems", "evaluate_samples"})  # settings of heldout train, which samples alike in both


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the runs of a recipe were evaluated at one point."""

    name: str
    runs: tuple[Run, ...]
    points: tuple[Point, ...]


def fingerprint(sides: Sequence[Conditions]) -> tuple[Checked, ...]:
    """Compare how recipes were evaluated, condition by condition: the problems, each kind of setting, the samples."""
    settings = (_setting(name, sides) for name in _CONDITIONS)
    return (_problems(sides), *settings, _samples(sides))


def differences_of(checked: Sequence[Checked]) -> list[Checked]:
    """Return the conditions that make a comparison of no use."""
    return [one for one in checked if one.status == DIFFERS]


def _problems(sides: Sequence[Conditions]) -> Checked:
    points = [point for side in sides for point in side.points]
    outcomes = [one for point in points for one in point.outcomes or ()]
    if len({(one.share, one.lower, one.ratio) for point in points for one in point.evaluations}) > 1:
        return Checked("problems", DIFFERS, "their scores are not in one unit")
    if all(point.outcomes is not None for point in points):
        most = max(len(one) for one in outcomes)
        shared = len(common(outcomes))
        if shared < FEWEST_COMMON:
            told = f"both have {counted(shared, 'problem')}, and {FEWEST_COMMON} are the fewest to compare by"
            return Checked("problems", DIFFERS, told)
        if shared < SHARE_COMMON * most:
            told = f"of {most} problems only {shared} are in both, less than {SHARE_COMMON:.0%}"
            return Checked("problems", DIFFERS, told)
        return _same_ids(sides, shared, most)
    return _sizes(sides, points)


def _same_ids(sides: Sequence[Conditions], shared: int, most: int) -> Checked:
    """Problems of equal names are the same, unless their sets are called otherwise; mere numbers tell least."""
    other = _called_otherwise(sides)
    if other:
        return Checked("problems", DIFFERS, other)
    names = common([one for side in sides for point in side.points for one in point.outcomes or ()])
    tasks = sorted({_task(run) for side in sides for run in side.runs})
    if len(tasks) > 1 and _numbered(names):
        told = f"the problems are named by numbers alone, and their tasks are called {_listed(tasks)}"
        return Checked("problems", DIFFERS, told)
    more = "" if shared == most else f" of {most}"
    return Checked("problems", SAME, f"the same {shared}{more} problems")


def _called_otherwise(sides: Sequence[Conditions]) -> str:
    """Say in which names of the sets of problems runs differ: the benchmark's, or a setting's that names evaluation."""
    points = [point for side in sides for point in side.points]
    benchmarks = sorted({name for point in points for one in point.evaluations if (name := one.benchmark)})
    if len(set(map(_plain, benchmarks))) > 1:
        return f"the benchmarks are called {_listed(benchmarks)}"
    each = [_sets(run) for side in sides for run in side.runs]
    for key in sorted({key for one in each for key in one}):
        values = list(dict.fromkeys(one[key] for one in each if key in one))
        if len(set(map(_plain, values))) > 1:
            return _shown(key, values)
    return ""


def _sets(run: Run) -> dict[str, str]:
    """The settings that name the problems of evaluation; of a path its last two parts, as places differ by machine."""
    found = _named(recipe_of(run.config), _SET | _SET_FILES)
    return {key: "/".join(re.split(r"[\\/]+", text)[-2:]) for key, text in found.items() if _of_evaluation(key)}


def _task(run: Run) -> str:
    return next((text for key, text in recipe_of(run.config).items() if key.split("/")[-1] == "task"), "")


def _numbered(names: Sequence[str]) -> bool:
    """Whether names are numbers after one beginning that says nothing, such as q12."""
    begin = {re.sub(r"\d+$", "", name) for name in names}
    return len(begin) == 1 and len(re.sub(r"[\W_]", "", begin.pop())) <= _TELLS_NOTHING


def _listed(names: Sequence[str]) -> str:
    return sentence_list([repr(excerpt(name, 40)) for name in names[:4]])


def _sizes(sides: Sequence[Conditions], points: Sequence[Point]) -> Checked:
    """Without outcomes: whether the score has one name and one number of problems."""
    keys = sorted({_plain(run.roles.get("held_out", "")) for side in sides for run in side.runs})
    sizes = sorted({point.problems for point in points if point.problems is not None})
    if len(keys) > 1:
        told = f"the scores are called {_listed(keys)}, and nothing says that they are of one set"
        return Checked("problems", DIFFERS, told)
    other = _called_otherwise(sides)
    if other:
        return Checked("problems", DIFFERS, other)
    if len(sizes) > 1:
        return Checked("problems", DIFFERS, f"their numbers are {sentence_list([str(n) for n in sizes[:4]])}")
    return Checked("problems", NOT_KNOWN, "the logs have no outcomes of single problems")


def _plain(key: str) -> str:
    return re.sub(r"[\W_]+", "/", key.lower()).strip("/")


def _samples(sides: Sequence[Conditions]) -> Checked:
    each = [_per_problem(point) for side in sides for point in side.points]
    if None in each:
        return Checked("samples", NOT_KNOWN, "the logs do not say how many samples of a problem there were")
    numbers = sorted({round(m) for m in each if m is not None})
    if len(numbers) > 1:
        return Checked("samples", DIFFERS, f"{sentence_list([str(m) for m in numbers[:4]])} samples of a problem")
    return Checked("samples", SAME, f"{counted(numbers[0], 'sample')} of a problem")


def _per_problem(point: Point) -> float | None:
    """How many samples of a problem; a few that the sandbox lost do not make it another number."""
    if point.outcomes is not None:
        return max(float(max(one.samples)) for one in point.outcomes)
    known = [one.samples for one in point.evaluations]
    return None if None in known else max(m for m in known if m is not None)


def _setting(condition: str, sides: Sequence[Conditions]) -> Checked:
    """Compare the settings that make up a condition; one that may be of training alone does not decide."""
    recipes = [(recipe_of(run.config), run) for side in sides for run in side.runs]
    found = [_named(recipe, _CONDITIONS[condition]) for recipe, _ in recipes]
    if not any(found):
        return Checked(condition, NOT_KNOWN, "no setting tells")
    keys = sorted({key for one in found for key in one})
    differ = [key for key in keys if len({one.get(key) for one in found}) > 1]
    if not differ:
        return Checked(condition, SAME, _shown(keys[0], [found[0].get(keys[0])]))
    known = all(recipe for recipe, _ in recipes)
    sure = [key for key in differ if known and all(_holds_for_evaluation(key, recipe) for recipe, _ in recipes)]
    first = (sure or differ)[0]
    told = _shown(first, list(dict.fromkeys(one.get(first) for one in found)))
    return Checked(condition, DIFFERS if sure else NOT_KNOWN, told)


def _named(recipe: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """The settings of these names; of each name those that say evaluation, where the run has any."""
    found = {key: text for key, text in recipe.items() if _last(key) in _with_eval(names)}
    own = {_bare(key) for key in found if _of_evaluation(key)}
    return {key: text for key, text in found.items() if _of_evaluation(key) or _bare(key) not in own}


def _last(key: str) -> str:
    return re.split(r"[/.]", key.lower())[-1]


def _bare(key: str) -> str:
    """What a setting is called without the word for evaluation before it."""
    first, _, rest = _last(key).partition("_")
    return rest if first in _OF_EVALUATION else _last(key)


def _with_eval(names: frozenset[str]) -> frozenset[str]:
    return names | {f"{word}_{name}" for word in _OF_EVALUATION for name in names}


def _of_evaluation(key: str) -> bool:
    return not _OF_EVALUATION.isdisjoint(re.split(r"[\W_]+", key.lower()))


def _holds_for_evaluation(key: str, recipe: Mapping[str, str]) -> bool:
    return _of_evaluation(key) or recipe.keys() >= _OURS


def _shown(key: str, values: Sequence[str | None]) -> str:
    texts = ["not set" if value is None else excerpt(value, 40) for value in values[:4]]
    return f"{key} {sentence_list(texts, 'or' if len(texts) > 1 else 'and')}"
