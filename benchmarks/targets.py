"""What heldout must reach in ``heldout bench detect``, and whether it did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import SCORED, Result
from benchmarks.harness import Estimate
from benchmarks.rivals import ALARM, SCAN
from benchmarks.score import average, percent
from heldout.datasets.simulated import OUTSIDE_NULLS, PLAIN_NULLS

QUIET = ("honest", "length_driven", "late_surge")


@dataclass(frozen=True, slots=True)
class Target:
    """What heldout must reach at its own thresholds: at most, except `detection`, which is at least.

    Attributes
    ----------
    plateau
        False alarms of the scan on the plateau, %.
    mean
        False alarms of the alarm, mean over the null families, %.
    quiet
        False alarms of the alarm on each of the families that simply improve, %.
    detection
        Detected by the alarm in each of the `SCORED` families, %.
    delay
        Censored delay in the same families, evals.
    lost
        Percentage points lost, mean over the same families.
    """

    plateau: float
    mean: float
    quiet: float
    detection: tuple[float, float, float]
    delay: tuple[float, float, float]
    lost: float


TARGETS: Mapping[str, Target] = {
    "n100K40": Target(6.0, 4.0, 3.0, (50, 75, 57), (14.1, 13.9, 16.9), 5.8),
    "n200K40": Target(5.5, 4.0, 4.0, (77, 91, 85), (11.7, 11.0, 14.3), 5.0),
    "n500K40": Target(5.0, 5.0, 3.0, (93, 98, 98), (8.1, 7.8, 10.2), 3.9),
    "n1000K40": Target(5.0, 7.5, 4.0, (98, 99, 99), (6.2, 6.3, 7.9), 3.3),
    "n200K20": Target(6.0, 3.5, 2.0, (57, 84, 77), (7.4, 7.0, 8.2), 5.7),
    "n500K20": Target(6.0, 4.0, 2.0, (84, 95, 96), (6.0, 5.4, 6.5), 4.8),
    "n500K10": Target(6.0, 3.5, 2.0, (69, 89, 92), (4.0, 3.5, 4.2), 5.6),
    "n200K40m4": Target(5.0, 4.5, 3.0, (88, 95, 95), (8.3, 7.7, 10.4), 3.9),
    "n500K40-ushape": Target(6.0, 8.0, 5.0, (97, 97, 97), (5.4, 5.7, 7.4), 3.16),
    "n500K40-greedy": Target(6.0, 8.0, 5.0, (92, 96, 96), (7.3, 7.2, 9.7), 3.72),
    "n500K40-churn": Target(6.0, 8.0, 5.0, (82, 91, 93), (10.7, 9.2, 12.5), 4.53),
    "n500K40-jitter": Target(6.0, 8.0, 5.0, (90, 95, 95), (8.1, 7.4, 10.2), 3.86),
}
OUTSIDE_LIMIT = 5.0  # false alarms of the scan on each null outside the design, %
REGRET = {"n100K40": 0.85, "n200K40": 0.71, "n500K40": 0.55, "n1000K40": 0.45}  # of the checkpoint taken, points
BIAS = {"n100K40": 1.3, "n200K40": 0.9, "n500K40": 0.55, "n1000K40": 0.35}  # of its estimate, either way
RELATIVE = ("n200K40", "n500K40", "n1000K40")  # where the alarm must beat tuned rivals by a margin
FASTER = {"z-test vs best": 0.75, "drop-patience 3": 0.75, "BOCPD": 1.0}  # delay at most this share of theirs
CHEAPER = {"z-test vs best": 0.82, "drop-patience 3": 0.82}  # percentage points lost, likewise

# Of the plain families: false alarms where the score is level, by configuration and over all, where it rises, and where
# it has no unit, %; how often the tied set and the interval of the onset hold the truth at a cliff, %; and the regret
# there as a share of the raw argmax's. Evaluations of fewer problems than that may choose worse than it.
LEVEL, LEVEL_POOLED, RISING, UNITLESS = 12.0, 6.0, 2.0, 2.0
CLIFF_TIED, CLIFF_ONSET, CLIFF_REGRET = 94.0, 90.0, 0.9
FEW = 100


@dataclass(frozen=True, slots=True)
class Check:
    """One number against its limit.

    Attributes
    ----------
    what
        In words.
    seen
        The number.
    limit
        It may be at most this, or at least this if `at_least`.
    """

    what: str
    seen: Estimate
    limit: float
    at_least: bool = False

    @property
    def excess(self) -> float:
        """How far beyond the limit the number lies; not above 0 where the limit is kept."""
        return self.limit - self.seen.value if self.at_least else self.seen.value - self.limit

    def __str__(self) -> str:
        return f"{self.what} {self.seen.value:.3g} {'<' if self.at_least else '>'} {self.limit:g}"


def checks(result: Result) -> dict[str, list[Check]]:
    """What heldout's detectors must reach at their own thresholds: by detector, with the numbers seen."""
    scores = {one.detector: one for one in result.default}
    scan, alarm, case = scores[SCAN.name], scores[ALARM.name], result.case
    if case.nulls == OUTSIDE_NULLS:
        limits = {family: percent(scan.false_alarms[family]) for family in case.nulls}
        return {SCAN.name: [Check(family, seen, OUTSIDE_LIMIT) for family, seen in limits.items()]}
    if case.nulls == PLAIN_NULLS:
        at_most = {"level": UNITLESS if case.config == "returns" else LEVEL, "linear": RISING, "staircase": RISING}
        share = alarm.false_alarms
        return {ALARM.name: [Check(f"false alarms {f}", percent(share[f]), limit) for f, limit in at_most.items()]}
    target = TARGETS.get(case.name)
    if target is None:
        return {}
    found = [Check("mean false alarms", percent(alarm.mean("false_alarms", case.nulls)), target.mean)]
    found += [Check(f"false alarms {f}", percent(alarm.false_alarms[f]), target.quiet) for f in QUIET]
    for family, least, most in zip(SCORED, target.detection, target.delay, strict=True):
        found.append(Check(f"detected {family}", percent(alarm.detection[family]), least, at_least=True))
        found.append(Check(f"delay {family}", alarm.delay[family], most))
    found.append(Check("points lost", alarm.mean("lost", SCORED), target.lost))
    plateau = Check("false alarms plateau", percent(scan.false_alarms["plateau"]), target.plateau)
    return {SCAN.name: [plateau], ALARM.name: found}


def relative_checks(result: Result) -> list[Check]:
    """By how much the alarm must beat tuned rivals, all at the same rate of false alarms."""
    case = result.case
    if not result.matched or (case.K != 40 and case.name not in RELATIVE):
        return []
    scores = {one.detector: one for one in result.matched}
    alarm = scores[ALARM.name]
    strict = case.name in RELATIVE
    found = []
    for column, what, shares in (("delay", "delay vs", FASTER), ("lost", "points lost vs", CHEAPER)):
        ours = alarm.mean(column, case.scored)
        for name, share in shares.items():
            theirs = scores[name].mean(column, case.scored)
            if strict or share == 1.0:
                spread = math.hypot(ours.se, share * theirs.se)
                found.append(Check(f"{what} {name}", Estimate(ours.value, spread), round(share * theirs.value, 2)))
    if case.name == "n200K40":
        found.append(Check("detected", percent(alarm.mean("detection", case.scored)), 90.0, at_least=True))
    return found


def selection_checks(result: Result) -> list[Check]:
    """How well heldout must find the best checkpoint, and the onset of a cliff."""
    name = result.case.name
    if result.case.nulls == PLAIN_NULLS:
        return _plain_selection(result)
    if name not in REGRET:
        return []
    ours, raw = result.selection("heldout"), result.selection("raw argmax")
    spread = math.hypot(ours.regret.se, 0.85 * raw.regret.se)
    return [
        Check("regret", ours.regret, REGRET[name]),
        Check("regret vs raw argmax", Estimate(ours.regret.value, spread), round(0.85 * raw.regret.value, 2)),
        Check("bias", Estimate(abs(ours.bias.value), ours.bias.se), BIAS[name]),
        Check("interval", percent(ours.coverage), 90.0, at_least=True),
        Check("tied set", percent(ours.tied), 94.0, at_least=True),
    ]


def _plain_selection(result: Result) -> list[Check]:
    cliff, ours, raw = result.selected["heldout"]["cliff"], result.selection("heldout"), result.selection("raw argmax")
    found = [
        Check("tied set at a cliff", percent(cliff.tied), CLIFF_TIED, at_least=True),
        Check("onset of a cliff", percent(cliff.onset), CLIFF_ONSET, at_least=True),
    ]
    if result.case.n >= FEW:
        spread = math.hypot(ours.regret.se, raw.regret.se)
        found.append(Check("regret vs raw argmax", Estimate(ours.regret.value, spread), round(raw.regret.value, 2)))
    return found


def pooled_checks(results: Sequence[Result]) -> list[Check]:
    """What all configurations of plain families must reach together; those without a unit have targets of their own."""
    plain = [one for one in results if one.case.nulls == PLAIN_NULLS and one.case.config != "returns"]
    if not plain:
        return []
    alarms = [next(one for one in result.default if one.detector == ALARM.name) for result in plain]
    level = percent(average(one.false_alarms["level"] for one in alarms))
    ours, raw = (average(one.selected[method]["cliff"].regret for one in plain) for method in ("heldout", "raw argmax"))
    spread = math.hypot(ours.se, CLIFF_REGRET * raw.se)
    return [
        Check("false alarms level, %", level, LEVEL_POOLED),
        Check("regret at a cliff", Estimate(ours.value, spread), round(CLIFF_REGRET * raw.value, 2)),
    ]


def verdict(found: Sequence[Check]) -> str:
    """Are the targets met: yes; not by more than two standard errors allow; or no, and which are missed."""
    missed = [check for check in found if check.excess > 0.0]
    if not missed:
        return "yes" if found else ""
    clear = [check for check in missed if check.excess > 2.0 * check.seen.se]
    if clear:
        return "no: " + ", ".join(map(str, clear))
    return "within 2 SE: " + ", ".join(map(str, missed))


def verdicts(result: Result) -> dict[str, str]:
    """Every verdict on a configuration: by detector, and on tuned thresholds and on the choice of a checkpoint."""
    found = checks(result) | {"matched": relative_checks(result), "selected": selection_checks(result)}
    return {name: verdict(each) for name, each in found.items()}
