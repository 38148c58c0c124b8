"""The benchmark of detection from one end to the other, small."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case, as_json, from_json
from benchmarks.detect import _jobs, main, measure
from benchmarks.rivals import ALARM, RATES, SCAN, unavailable
from benchmarks.score import Estimate
from benchmarks.tables import markdown
from benchmarks.targets import (
    TARGETS,
    Check,
    checks,
    pooled_checks,
    relative_checks,
    selection_checks,
    verdict,
    verdicts,
)
from heldout.datasets.simulated import NULLS, OUTSIDE_DECLINES, OUTSIDE_NULLS, PLAIN_DECLINES, PLAIN_NULLS
from heldout.errors import UsageError

RUNS = 20


@pytest.fixture(scope="module")
def result() -> Any:
    return next(measure([Case.named("n200K20")], RUNS, seed=3, workers=1))


def _by_name(scores: Any) -> Any:
    return {one.detector: one for one in scores}


def test_reference_rows(result: Any) -> None:
    scores = _by_name(result.default)
    always, never = scores["always"], scores["never"]
    for family in NULLS:
        assert always.false_alarms[family].value == 1.0
        assert never.false_alarms[family].value == 0.0
    for family in result.case.scored:
        assert always.premature[family].value == 1.0
        assert always.detection[family].value == never.detection[family].value == 0.0
        assert always.delay[family] == never.delay[family]


def test_our_false_alarms_on_a_plateau_are_few(result: Any) -> None:
    ours = _by_name(result.default)
    assert ours[SCAN.name].false_alarms["plateau"].value <= 3 * 0.05
    assert ours[ALARM.name].mean("false_alarms", NULLS).value <= 3 * 0.035


def test_the_alarm_on_rates_alone_is_in_both_tables(result: Any) -> None:
    for scores in (result.default, result.matched):
        assert [one.detector for one in scores][-1] == RATES.name
    row = _by_name(result.default)[RATES.name]
    assert row.false_alarms["plateau"].value <= 3 * 0.05
    assert row.detection["sharp_collapse"].value > 0.5


def test_targets_are_met_with_slack(result: Any) -> None:
    found = checks(result)
    assert set(found) == {SCAN.name, ALARM.name}
    for check in (*found[SCAN.name], *found[ALARM.name]):
        assert check.excess <= max(3.0 * check.seen.se, 5.0 if "alarms" in check.what else 0.0), str(check)


def test_the_alarm_is_quicker_than_its_parts_and_than_waiting(result: Any) -> None:
    ours, family = _by_name(result.default), "slow_overopt"
    assert ours[ALARM.name].delay[family].value <= ours[SCAN.name].delay[family].value
    assert ours[ALARM.name].detection[family].value > 0.3


def test_tuned_thresholds_keep_near_five_percent_on_other_seeds(result: Any) -> None:
    for one in result.matched:
        seen = one.mean("false_alarms", NULLS)
        assert seen.value <= 0.05 + 4.0 * max(seen.se, math.sqrt(0.05 * 0.95 / (7 * RUNS))), one.detector


def test_the_best_checkpoint_is_found_better_than_by_the_raw_argmax(result: Any) -> None:
    ours, raw = result.selection("heldout"), result.selection("raw argmax")
    assert ours.regret.value < raw.regret.value
    assert abs(ours.bias.value) < 0.5 * raw.bias.value
    assert ours.tied.value > 0.85


def test_the_processes_do_not_matter() -> None:
    case = Case.named("n20K6")
    alone, together = (next(measure([case], 3, seed=1, workers=workers)) for workers in (1, 2))
    assert alone == together


def test_tuning_never_sees_a_run_that_is_scored() -> None:
    case = Case.named("n50K8")
    seen = [(job.calibration, seed) for root in (0, 1) for job in _jobs(case, 60, root) for seed in job.seeds]
    scored, tuned = ({seed for calibration, seed in seen if calibration is wanted} for wanted in (False, True))
    assert len(scored) == len(tuned) == 2 * 60
    assert not scored & tuned


def test_the_seed_matters() -> None:
    case = Case.named("n20K8")
    one, other = (next(measure([case], 4, seed=seed, workers=1)) for seed in (1, 2))
    assert one.default != other.default


def test_shapes_outside_the_design_have_no_tuning() -> None:
    found = next(measure([Case.named("n50K8-outside")], 4, seed=0, workers=1))
    assert found.matched == ()
    assert set(found.default[0].false_alarms) == set(OUTSIDE_NULLS)
    assert set(found.default[0].detection) == set(OUTSIDE_DECLINES)
    assert [check.what for check in checks(found)[SCAN.name]] == list(OUTSIDE_NULLS)
    assert relative_checks(found) == selection_checks(found) == []


@pytest.fixture(scope="module")
def plain() -> Any:
    return list(measure([Case.named(name) for name in ("n100K20-cliff", "n100K20-returns")], 8, seed=2, workers=1))


def test_plain_families_have_targets_of_their_own(plain: Any) -> None:
    sized, free = plain
    assert set(sized.default[0].false_alarms) == set(PLAIN_NULLS)
    assert set(sized.default[0].detection) == set(PLAIN_DECLINES)
    assert sized.matched == free.matched == ()
    limits = [{check.what: check.limit for check in checks(one)[ALARM.name]} for one in plain]
    assert limits[0] == {"false alarms level": 12.0, "false alarms linear": 2.0, "false alarms staircase": 2.0}
    assert limits[1]["false alarms level"] == 2.0
    assert [check.what for check in selection_checks(sized)][:2] == ["tied set at a cliff", "onset of a cliff"]


def test_at_a_cliff_the_tied_set_and_the_onset_hold_the_truth(plain: Any) -> None:
    for one in plain:
        cliff = one.selected["heldout"]["cliff"]
        assert min(cliff.tied.value, cliff.onset.value, cliff.fell.value) > 0.7
        assert cliff.bias.value < one.selected["raw argmax"]["cliff"].bias.value
        assert math.isnan(one.selected["heldout"]["linear"].onset.value)
        assert math.isnan(one.selected["raw argmax"]["cliff"].fell.value)


def test_what_all_plain_configurations_must_reach_leaves_out_those_without_a_unit(plain: Any, result: Any) -> None:
    level, regret = pooled_checks([result, *plain])
    (alarm,) = (one for one in plain[0].default if one.detector == ALARM.name)
    assert level.seen.value == 100.0 * alarm.false_alarms["level"].value
    assert regret.seen.value == plain[0].selected["heldout"]["cliff"].regret.value
    assert pooled_checks([result]) == []
    assert "All configurations of plain families together" in markdown(plain, {})
    assert "together" not in markdown([result], {})


def test_results_with_fields_that_do_not_apply_come_back_from_their_file(tmp_path: Path, plain: Any) -> None:
    file = tmp_path / "result.json"
    file.write_text(as_json(plain, verdicts))
    assert "NaN" not in file.read_text()
    assert as_json(from_json(file), verdicts) == file.read_text()


@pytest.mark.parametrize("suffix", [".md", ".json"])
def test_the_table_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: Any
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    out = tmp_path / f"table{suffix}"
    main(3, ["n50K8", "n50K8"], 0, 1, out)
    printed = capsys.readouterr().out
    for name, why in unavailable().items():
        assert f"{name} is left out: {why}." in printed
    assert "n50K8, customary thresholds (50 problems, 8 evals, 1 sample; 3 runs of each family, seed 0)" in printed
    text = out.read_text()
    if suffix == ".json":
        (one,) = json.loads(text)
        assert one["config"] == "n50K8"
        assert [row["detector"] for row in one["default"]][:2] == ["always", "never"]
        assert one["default"][0]["false_alarms"]["honest"] == {"value": 1.0, "se": 0.0}
    else:
        assert "| heldout: alarm | 1 |" in text
        assert text.count("customary thresholds") == 1


def test_results_come_back_from_their_file_as_they_were(tmp_path: Path, result: Any) -> None:
    file = tmp_path / "result.json"
    file.write_text(as_json([result], verdicts))
    assert from_json(file) == [result]


def test_tables_can_be_made_from_an_earlier_file_without_simulating(
    tmp_path: Path, result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.detect.simulate", None)
    file, out, again = (tmp_path / name for name in ("result.json", "table.md", "again.json"))
    file.write_text(as_json([result], verdicts))
    main(1, [], 0, 1, out, None, file)
    assert out.read_text().startswith(markdown([result], {}).rstrip())
    main(1, ["n200K20"], 0, 1, again, None, file)
    assert again.read_text() == file.read_text()


def test_a_file_from_before_a_detector_was_added_is_still_read_and_the_row_is_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], result: Any
) -> None:
    fields = json.loads(as_json([result], verdicts))
    for table in ("default", "matched"):
        fields[0][table] = [row for row in fields[0][table] if row["detector"] != RATES.name]
    file = tmp_path / "old.json"
    file.write_text(json.dumps(fields))
    main(2, [], 0, 1, None, None, file)
    assert f"{RATES.name} is left out:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "configs", "words"),
    [
        (None, [], "cannot be read"),
        ("{", [], "holds no results"),
        ('[{"config": "n20K8"}]', [], "holds no results"),
        ("7", [], "holds no results"),
        ("[]", ["n20K8"], "has no configuration 'n20K8'; it has none."),
    ],
)
def test_a_file_without_results_is_refused(tmp_path: Path, text: str, configs: Any, words: str) -> None:
    file = tmp_path / "result.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError) as error:
        main(2, configs, 0, 1, None, None, file)
    assert words in str(error.value)


def test_names_of_configurations() -> None:
    assert Case.named("n200K40m4") == Case("n200K40m4", 200, 40, 4)
    assert Case.named("n500K40-churn") == Case("n500K40-churn", 500, 40, 1, "churn")
    for name, config in (
        ("n30K20m32-cliff", "default"),
        ("n400K40m4-shaken", "shaken"),
        ("n500K30-clusters", "clusters"),
    ):
        assert (Case.named(name).config, Case.named(name).nulls) == (config, PLAIN_NULLS)
    for name in TARGETS:
        assert Case.named(name).name == name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, ["big"], 0, 1, None), "configuration 'big': write it as n500K40, n200K40m4 or n500K40-KIND"),
        ((3, ["n50K8-big"], 0, 1, None), "configuration 'n50K8-big': write it as"),
        ((3, ["n50K4"], 0, 1, None), "configuration 'n50K4': write it as n500K40, n200K40m4 or n500K40-KIND, KIND of"),
        ((1, ["n50K8"], 0, 1, None), "1 runs of each family were asked for; at least 2 and at most 1000000"),
        ((3, ["n50K8"], -1, 1, None), "seed is -1 and workers is 1; neither may be below 0."),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        main(*arguments)
    assert str(error.value).startswith(words)


def test_a_table_goes_to_markdown_or_json(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tables are written as \.md or \.json\."):
        main(3, ["n50K8"], 0, 1, tmp_path / "table.csv")


def test_a_missing_folder_is_said_before_anything_is_simulated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        main(3, ["n50K8"], 0, 1, tmp_path / "missing" / "table.md")


def test_verdicts() -> None:
    kept, near, far = (Check("delay", Estimate(value, 0.5), 10.0) for value in (9.0, 10.5, 12.0))
    low = Check("detected", Estimate(80.0, 1.0), 90.0, at_least=True)
    assert verdict([]) == ""
    assert verdict([kept]) == "yes"
    assert verdict([kept, near]) == "within 2 SE: delay 10.5 > 10"
    assert verdict([near, far, low]) == "no: delay 12 > 10, detected 80 < 90"


def test_every_target_is_a_possible_one() -> None:
    for target in TARGETS.values():
        assert all(0.0 < number < 100.0 for number in (target.plateau, target.mean, target.quiet, target.lost))
        assert np.all(np.array(target.detection) <= 100.0)
        assert len(target.detection) == len(target.delay) == 3
