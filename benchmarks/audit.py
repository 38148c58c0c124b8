"""``heldout bench audit``: which flaws of graders does an audit find, and which sound graders does it accuse?

The graders are those of `benchmarks.graders`: 25 flawed kinds with a sound twin each, and 14 that were written apart
from the tricks. Beside heldout stand reward-doctor and gradecheck, where they are installed: reward-doctor is given
every grader as it is; for gradecheck, which takes folders and a command, each is wrapped here (`children.graded`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track

from benchmarks.graders.kinds import KINDS, STRANGERS, Kind, Named
from benchmarks.graders.problems import SETS
from benchmarks.harness import ROOT, Sheet, check_name, write
from heldout.audit.asking import Asker
from heldout.audit.audit import PARTS
from heldout.audit.baselines import measured
from heldout.audit.mutants import Mutants
from heldout.audit.odd import Odd
from heldout.audit.parts import Example, Part, Result
from heldout.audit.parts import Kind as Finding
from heldout.audit.steadiness import Steadiness
from heldout.audit.tricks import Tricks
from heldout.audit.truth import known_of
from heldout.audit.writings import KNOWN, Writings
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox

OF_OTHER: dict[str, tuple[Part, ...]] = {  # which parts look for a flaw that is no trick
    "state": (Steadiness(),),
    "neighbours": (Steadiness(), Odd()),
    "odd": (Odd(),),
    "rejected": (Writings(),),
}
_ACCUSED = (Finding.PAID, Finding.PARTLY, Finding.FLAKY, Finding.ODD, Finding.WEAK)
_SECONDS = 5.0  # of a call
_PATIENCE = 300  # seconds of a rival


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tool says of one grader."""

    tool: str
    grader: str
    flaw: str  # empty of a sound one
    apart: bool  # whether it was written apart from the tricks
    found: bool | None  # whether it says that there is a flaw; None where it cannot take the grader
    told: str  # in its own words, or how it failed
    text: str = ""  # what shows the flaw
    rejected: int = 0  # writings of right answers that are not paid
    seconds: float = 0.0
    shown: int = 0  # findings that have a text which shows them
    again: int = 0  # of those: whose text gets the same from a fresh process of the grader, as --text asks it


def main(problems: int, every: bool, peers: bool, out: Path | None) -> None:
    """Audit all graders by all tools, print how many flaws each found and how many sound ones it accused."""
    check_name(out)
    console = Console()
    found = list(measure(problems, every, peers, console))
    sheets = [_counts(found), _each(found)]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, found)


def measure(problems: int, every: bool, peers: bool, console: Console | None = None) -> list[Seen]:
    """Ask every tool about every grader; with `every` all parts of the audit, else those that may find the flaw."""
    seen: list[Seen] = []
    rivals = [one for one in (_reward_doctor, _gradecheck) if peers]
    with open_sandbox() as sandbox:
        jobs = list(_jobs())
        for grader, kind, flaw, apart in track(jobs, console=console, disable=console is None, transient=True):
            parts = PARTS if every or kind is None else parts_of(kind)
            seen.append(_ours(grader, kind, flaw, apart, parts, problems, sandbox))
            seen += [ask(grader, flaw, apart) for ask in rivals]
    return seen


def _jobs() -> Sequence[tuple[Named, Kind | None, str, bool]]:
    """Every grader, its kind, its flaw (empty of a sound one), and whether it was written apart."""
    kinds = [(one, kind, flaw) for kind in KINDS for one, flaw in ((kind.flawed, kind.flaw), (kind.sound, ""))]
    strangers = [(one, _name(one) if how == "flawed" else "") for how, some in STRANGERS.items() for one in some]
    return [
        *((one, kind, flaw, False) for one, kind, flaw in kinds),
        *((one, None, flaw, True) for one, flaw in strangers),
    ]


def parts_of(kind: Kind) -> tuple[Part, ...]:
    """Return the parts of the audit that look for the flaw of a kind."""
    return OF_OTHER[kind.other[0]] if kind.other else (Tricks(), Mutants())


def audited(grader: Named, problems: int, parts: Sequence[Part], sandbox: Sandbox) -> list[Result]:
    """Audit a grader on its first problems."""
    with open_grader(grader.reward, grader.problems, sandbox, seconds=_SECONDS) as one:
        asker = Asker(one, sandbox)
        known = measured(asker, known_of(grader.problems[:problems], asker))
        return [result for part in parts for result in part(asker, known)]


def expected(kind: Kind, results: Sequence[Result]) -> list[Result]:
    """Return those results that are what an audit should say of a flawed grader."""
    families = {*kind.paid, *kind.other}
    return [one for one in results if one.found and (one.family in families or families & _other(one))]


def _other(result: Result) -> set[str]:
    """By which of a kind's other names a result is meant."""
    names = {Finding.REJECTED: {"rejected"}, Finding.ODD: {"odd"}, Finding.FLAKY: {"state"}}.get(result.kind, set())
    batch = result.name.startswith("a batch of") or "beside an odd text" in result.name
    return names | {"neighbours"} if batch else names


def accused(results: Sequence[Result]) -> list[Result]:
    """Return what would accuse a sound grader: anything but writings that it does not read."""
    return [one for one in results if one.flaw and (one.kind in _ACCUSED or one.name == KNOWN)]


def _ours(
    grader: Named,
    kind: Kind | None,
    flaw: str,
    apart: bool,
    parts: Sequence[Part],
    problems: int,
    sandbox: Sandbox,
) -> Seen:
    started = time.perf_counter()
    results = audited(grader, problems, parts, sandbox)
    told = expected(kind, results) if kind and flaw else accused(results)
    if flaw and not kind:
        told += [one for one in results if one.flaw and one not in told]
    shown = [example for one in told for example in one.examples]
    seconds = time.perf_counter() - started
    first = [one.examples[0] for one in told if one.examples] if flaw else []
    return Seen(
        "heldout",
        _name(grader),
        flaw,
        apart,
        bool(told),
        "; ".join(dict.fromkeys(one.family or one.name for one in told)) or "nothing found",
        min((one.text for one in shown), key=len, default="")[:400],
        sum(one.found > 0 for one in results if one.kind in (Finding.REJECTED, Finding.TOLD) and one.fix),
        seconds,
        len(first),
        _again(grader, first, sandbox),
    )


def _again(grader: Named, shown: Sequence[Example], sandbox: Sandbox) -> int:
    """How many of these texts get the same as before from a fresh process of the grader."""
    if not shown:
        return 0
    problems = {one.id: one for one in grader.problems}
    with open_grader(grader.reward, grader.problems, sandbox, seconds=_SECONDS) as one:
        said = Asker(one, sandbox).run([[[(problems[example.problem], example.text)]] for example in shown])
    return sum(
        (now.kind, now.score) == (example.outcome.kind, example.outcome.score)
        for ((now,),), example in zip(said, shown, strict=True)
    )


def _name(grader: Named) -> str:
    return grader.reward.partition(":")[2]


# The others.


def _reward_doctor(grader: Named, flaw: str, apart: bool) -> Seen:
    """Give reward-doctor the function as it is; it brings answers of mathematics of its own."""
    module, _, function = grader.reward.partition(":")
    path = ROOT / (module.replace(".", "/") + ".py")
    with TemporaryDirectory() as folder:
        said, late = _run(["reward-doctor", "audit", f"{path}:{function}", "-f", "json"], Path(folder))
    try:
        report = json.loads(said)
    except ValueError:
        return Seen("reward-doctor", _name(grader), flaw, apart, None, said.strip()[-120:] or "no output", "", 0, late)
    crashed = sum(one["score"] is None for one in report["failures"])
    if crashed == report["n_cases"]:
        return Seen("reward-doctor", _name(grader), flaw, apart, None, f"all {crashed} calls crash", "", 0, late)
    worked = ", ".join(report["attacks_that_work"]) or "no exploits accepted"
    found = report["n_exploits_accepted"] > 0
    return Seen(
        "reward-doctor",
        _name(grader),
        flaw,
        apart,
        found,
        worked,
        "",
        report["by_category"]["equivalence"]["failed"],
        late,
    )


def _gradecheck(grader: Named, flaw: str, apart: bool) -> Seen:
    """Wrap a grader as a folder and a command, and give gradecheck that."""
    on = next(name for name, made in SETS.items() if made() is grader.problems)
    module = grader.reward.partition(":")[0]
    with TemporaryDirectory() as name:
        task = Path(name) / "task"
        task.mkdir()
        file = "answer.txt" if on == "mathematics" else "answer.py"
        (task / file).write_text("I do not know.\n" if on == "mathematics" else "# to be done\n")
        (task / "README.md").write_text(grader.problems[0].prompt)
        command = f"{sys.executable} -m benchmarks.children.graded {grader.reward} {on} {{workspace}}"
        (Path(name) / "gradecheck.toml").write_text(
            f'[env]\nname = "{_name(grader)}"\nworkspace = "task"\nsource_globs = ["{file}"]\n'
            f"[grade]\ncmd = '{command}'\ntimeout = 60\npass_marker = \"RESULT: PASS\"\n"
            f"source = ['{ROOT / (module.replace('.', '/') + '.py')}']\n"
        )
        said, late = _run(["gradecheck", "run", name, "--json", "--quiet"], Path(name))
    try:
        findings = json.loads(said)["findings"]
    except (ValueError, KeyError):
        return Seen("gradecheck", _name(grader), flaw, apart, None, said.strip()[-120:] or "no output", "", 0, late)
    fooled = [one["attack"] for one in findings if one["verdict"] == "fooled"]
    warned = [one["attack"] for one in findings if one["verdict"] == "warn"]
    told = ", ".join(fooled) or "resisted" + (f", warned of {', '.join(warned)}" if warned else "")
    return Seen("gradecheck", _name(grader), flaw, apart, bool(fooled), told, "", 0, late)


def _run(words: Sequence[str], folder: Path) -> tuple[str, float]:
    """What a tool prints, and the seconds that it took."""
    exe = shutil.which(words[0])
    if exe is None:
        return f"not installed: pip install {words[0]}", 0.0
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [exe, *words[1:]],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done after {_PATIENCE} s", float(_PATIENCE)
    return done.stdout or done.stderr, time.perf_counter() - started


# Tables.


def _counts(seen: Sequence[Seen]) -> Sheet:
    groups: tuple[tuple[str, Callable[[Seen], bool]], ...] = (
        ("flawed, programs and answers", lambda one: bool(one.flaw) and not one.apart),
        ("their sound twins", lambda one: not one.flaw and not one.apart),
        ("flawed, written apart", lambda one: bool(one.flaw) and one.apart),
        ("sound, written apart", lambda one: not one.flaw and one.apart),
    )
    rows = []
    for tool in dict.fromkeys(one.tool for one in seen):
        for group, belongs in groups:
            some = [one for one in seen if one.tool == tool and belongs(one)]
            found = sum(one.found is True for one in some)
            cannot = sum(one.found is None for one in some)
            shown, again = sum(one.shown for one in some), sum(one.again for one in some)
            counts = (str(len(some)), str(found), str(cannot), f"{again} of {shown}" if shown else "–")
            rows.append((tool, group, *counts, f"{sum(one.seconds for one in some):.0f} s"))
    head = ("tool", "graders", "number", "said to be flawed", "cannot be taken", "texts paid the same again", "time")
    return Sheet("Graders", head, tuple(rows))


def _each(seen: Sequence[Seen]) -> Sheet:
    tools = list(dict.fromkeys(one.tool for one in seen))
    by_grader: dict[str, dict[str, Seen]] = {}
    for one in seen:
        by_grader.setdefault(one.grader, {})[one.tool] = one
    rows = tuple(
        (grader, next(iter(said.values())).flaw or "sound", *(_short(said[tool]) for tool in tools))
        for grader, said in by_grader.items()
    )
    return Sheet("What each says", ("grader", "flaw", *tools), rows)


def _short(seen: Seen) -> str:
    mark = {True: "flawed", False: "–", None: "cannot"}[seen.found]
    return f"{mark}: {' '.join(seen.told.split())[:80]}" if seen.told else mark
