"""What ``heldout bench detect`` measured, as tables on a terminal and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.cases import Case, Result
from benchmarks.harness import Estimate, Sheet
from benchmarks.rivals import ALARM, OURS
from benchmarks.score import Score, percent
from benchmarks.targets import checks, pooled_checks, relative_checks, selection_checks, verdict


def tables(result: Result) -> list[Sheet]:
    """One row per detector at customary and at tuned thresholds, false alarms by family, and checkpoints."""
    case = result.case
    short = " · ".join(family.split("_")[0] for family in case.scored)
    head = (
        "detector",
        "threshold",
        "false alarms %",
        f"{case.nulls[0] if 'plateau' not in case.nulls else 'plateau'} %",
        "worst null %",
        f"detected %: {short}",
        "premature %",
        f"delay, evals: {short}",
        "points lost",
        "target met",
    )
    samples = "1 sample" if case.m == 1 else f"{case.m} samples"
    size = f"{case.n} problems, {case.K} evals, {samples}; {result.runs} runs of each family, seed {result.seed}"
    reached = {name: verdict(found) for name, found in checks(result).items()}
    default = tuple(_row(one, case, reached.get(one.detector, "")) for one in result.default)
    sheets = [Sheet(f"{case.name}, customary thresholds ({size})", head, default)]
    if result.matched:
        beaten = verdict(relative_checks(result))
        matched = tuple(_row(one, case, beaten if one.detector == ALARM.name else "") for one in result.matched)
        sheets.append(Sheet(f"{case.name}, thresholds tuned on other seeds to 5 % of false alarms", head, matched))
    nulls = ("detector", *case.nulls)
    ours = tuple(
        (one.detector, *(_text(percent(one.false_alarms[family])) for family in case.nulls))
        for one in result.default
        if one.detector in {detector.name for detector in OURS}
    )
    sheets.append(Sheet(f"{case.name}, false alarms of each null family, %", nulls, ours))
    return [*sheets, _selection_sheet(result), _family_sheet(result)]


def _selection_sheet(result: Result) -> Sheet:
    head = (
        "method",
        "regret, points",
        "bias, points",
        "interval holds %",
        "tied set holds %",
        "tied set, evals",
        "target met",
    )
    reached = verdict(selection_checks(result))
    rows = []
    for method in result.selected:
        one = result.selection(method)
        shares = (_text(percent(share)) for share in (one.coverage, one.tied))
        met = reached if method == "heldout" else ""
        rows.append((method, _text(one.regret, 2), _text(one.bias, 2), *shares, _text(one.size), met))
    return Sheet(f"{result.case.name}, best checkpoint at the end, mean over all families", head, tuple(rows))


def _family_sheet(result: Result) -> Sheet:
    """What the verdict at the end says, family by family."""
    head = (
        "family",
        "fallen at the end %",
        "regret, points: heldout",
        "raw argmax",
        "interval holds %",
        "tied set holds %",
        "tied set, evals",
        "onset interval holds %",
    )
    rows = []
    for family, one in result.selected["heldout"].items():
        regrets = (_text(seen.regret, 2) for seen in (one, result.selected["raw argmax"][family]))
        shares = (_text(percent(share)) for share in (one.coverage, one.tied))
        rows.append((family, _text(percent(one.fell)), *regrets, *shares, _text(one.size), _text(percent(one.onset))))
    return Sheet(f"{result.case.name}, what heldout says at the end", head, tuple(rows))


def _row(one: Score, case: Case, reached: str) -> tuple[str, ...]:
    plain = "plateau" if "plateau" in case.nulls else case.nulls[0]
    worst = max(case.nulls, key=lambda family: one.false_alarms[family].value)
    scored = case.scored
    return (
        one.detector,
        f"{one.threshold:.3g}",
        _text(percent(one.mean("false_alarms", case.nulls))),
        _text(percent(one.false_alarms[plain])),
        f"{100.0 * one.false_alarms[worst].value:.1f} {worst}",
        " · ".join(f"{100.0 * one.detection[family].value:.0f}" for family in scored),
        f"{100.0 * one.mean('premature', scored).value:.1f}",
        " · ".join(f"{one.delay[family].value:.1f}" for family in scored) + f" (±{_widest(one, scored):.1f})",
        _text(one.mean("lost", scored), 2),
        reached,
    )


def _widest(one: Score, families: Sequence[str]) -> float:
    return max(one.delay[family].se for family in families)


def _text(seen: Estimate, digits: int = 1) -> str:
    return "" if math.isnan(seen.value) else f"{seen.value:.{digits}f} ±{seen.se:.{digits}f}"


def pooled(results: Sequence[Result]) -> list[Sheet]:
    """What is asked of all configurations of plain families together; nothing where there are none."""
    found = pooled_checks(results)
    rows = tuple((one.what, _text(one.seen, 2), f"{one.limit:g}", verdict([one])) for one in found)
    return [Sheet("All configurations of plain families together", ("what", "seen", "limit", "target met"), rows)][
        : len(found)
    ]


def markdown(results: Sequence[Result], left_out: Mapping[str, str]) -> str:
    """All tables one below the other, and which detectors are not in them, by name, and why."""
    lines = [sheet.markdown() for sheet in (*(one for result in results for one in tables(result)), *pooled(results))]
    lines += [f"{name} was left out: {why}." for name, why in left_out.items()]
    return "\n".join(lines).rstrip() + "\n"
