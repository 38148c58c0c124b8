"""What is measured in ``heldout bench detect``, what came of it, and both as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Estimate
from benchmarks.score import Score, Selection, selection_of_all
from heldout.datasets.simulated import (
    CONFIGS,
    DECLINES,
    NULLS,
    OUTSIDE_DECLINES,
    OUTSIDE_NULLS,
    PLAIN_DECLINES,
    PLAIN_NULLS,
)
from heldout.errors import UsageError

SCORED = ("slow_overopt", "sharp_collapse", "r1_like")  # the declines that the tables average over
PLAIN = ("shaken", "clusters", "swapped", "uneven", "rates", "returns")  # configs that are for the plain families
KINDS = (*CONFIGS, "cliff", "outside")  # with the usual config, "cliff" has the plain families
FEWEST = 5  # evals from which on neighbours help to choose a checkpoint
_NAME = re.compile(r"n(?P<n>\d+)K(?P<K>\d+)(?:m(?P<m>\d+))?(?:-(?P<kind>[a-z]+))?")
_COLUMNS = ("false_alarms", "detection", "premature", "delay", "lost")


@dataclass(frozen=True, slots=True)
class Case:
    """One configuration: problems, evals, samples, and what kind of runs."""

    name: str
    n: int
    K: int
    m: int = 1
    config: str = "default"
    nulls: tuple[str, ...] = NULLS
    declines: tuple[str, ...] = DECLINES
    scored: tuple[str, ...] = SCORED

    @classmethod
    def named(cls, name: str) -> Case:
        """From ``n500K40``, ``n200K40m4``, ``n500K40-churn``, ``n200K20-cliff``, or ``n500K40-outside``.

        The last is for shapes outside the design, "cliff" and the kinds in `PLAIN` for a level, steady rises, a dip, a
        slow and a short fall and a cliff.
        """
        found = _NAME.fullmatch(name)
        if found is None or (found["kind"] or "default") not in KINDS or int(found["K"]) < FEWEST:
            raise UsageError(
                f"configuration {name!r}: write it as n500K40, n200K40m4 or n500K40-KIND, KIND of {', '.join(KINDS)}, "
                f"with at least {FEWEST} evals."
            )
        kind = found["kind"] or "default"
        size = (int(found["n"]), int(found["K"]), int(found["m"] or 1))
        if kind == "outside":
            return cls(name, *size, "default", OUTSIDE_NULLS, OUTSIDE_DECLINES, OUTSIDE_DECLINES)
        if kind in (*PLAIN, "cliff"):
            config = "default" if kind == "cliff" else kind
            return cls(name, *size, config, PLAIN_NULLS, PLAIN_DECLINES, PLAIN_DECLINES)
        return cls(name, *size, kind)


@dataclass(frozen=True, slots=True)
class Result:
    """One configuration, measured.

    Attributes
    ----------
    case
        The configuration.
    runs
        Runs of each family.
    seed
        Of which they were made.
    default, matched
        One score per detector, at customary thresholds and at tuned ones; the second is empty outside the design.
    selected
        By method and family, how well the best checkpoint is found.
    """

    case: Case
    runs: int
    seed: int
    default: tuple[Score, ...]
    matched: tuple[Score, ...]
    selected: Mapping[str, Mapping[str, Selection]]

    def selection(self, method: str) -> Selection:
        """The mean over all families."""
        return selection_of_all(self.selected[method].values())


def as_json(results: Sequence[Result], checked: Callable[[Result], Mapping[str, str]]) -> str:
    """Write results down with all that tables and figures need, and with what `checked` says of each."""
    return json.dumps([_fields(result) | {"targets": checked(result)} for result in results])


def from_json(path: Path) -> list[Result]:
    """Read what `as_json` wrote; the targets are not read, because they follow from the rest.

    Raises
    ------
    UsageError
        If the file cannot be read or holds something else.
    """
    try:
        return [_result(fields) for fields in json.loads(path.read_text(encoding="utf-8"))]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} holds no results; `heldout bench detect -o FILE.json` writes such a file.") from error


def _fields(result: Result) -> dict[str, Any]:
    return {
        "config": result.case.name,
        "runs": result.runs,
        "seed": result.seed,
        "default": [_flat(one) for one in result.default],
        "matched": [_flat(one) for one in result.matched],
        "selected": {
            method: {family: _without_nan(asdict(one)) for family, one in families.items()}
            for method, families in result.selected.items()
        },
    }


def _flat(one: Score) -> dict[str, Any]:
    """A score without anything that JSON does not have."""
    threshold = one.threshold if math.isfinite(one.threshold) else None
    return {
        "detector": one.detector,
        "threshold": threshold,
        **{name: _without_nan({f: asdict(seen) for f, seen in getattr(one, name).items()}) for name in _COLUMNS},
    }


def _without_nan(one: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: None if math.isnan(value) else value for key, value in seen.items()} for name, seen in one.items()
    }


def _result(fields: Mapping[str, Any]) -> Result:
    return Result(
        case=Case.named(fields["config"]),
        runs=int(fields["runs"]),
        seed=int(fields["seed"]),
        default=tuple(map(_score, fields["default"])),
        matched=tuple(map(_score, fields["matched"])),
        selected={
            method: {family: Selection(**_estimates(found)) for family, found in families.items()}
            for method, families in fields["selected"].items()
        },
    )


def _score(fields: Mapping[str, Any]) -> Score:
    threshold = math.nan if fields["threshold"] is None else float(fields["threshold"])
    return Score(fields["detector"], threshold, *(_estimates(fields[name]) for name in _COLUMNS))


def _estimates(fields: Mapping[str, Mapping[str, float | None]]) -> dict[str, Estimate]:
    return {name: Estimate(_number(seen["value"]), _number(seen["se"])) for name, seen in fields.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
