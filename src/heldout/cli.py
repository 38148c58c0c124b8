"""The command line: thin, and quick to start because each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from heldout import __version__
from heldout.errors import HeldoutError, ReadError, UsageError
from heldout.train.config import with_flags

if TYPE_CHECKING:
    from heldout.findings import Verdict
    from heldout.run import Run

app = typer.Typer(
    name="heldout",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What reinforcement learning of code models really does: the reward, the held-out pass rate, and what the two "
    "curves mean.",
)
bench_app = typer.Typer(no_args_is_help=True, help="Measure heldout against named alternatives on this machine.")
app.add_typer(bench_app, name="bench")

# What the processes that draw a report's figures need.
_DRAWING = ("heldout.charts.page", "heldout.charts.matplotlib_backend", "matplotlib.backends.backend_svg")

FailOn = Literal["over-optimised", "warning"]

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs, run directories, or example:NAME.")]
Reward = Annotated[str | None, typer.Option("--reward", metavar="KEY", help="Which metric is the training reward.")]
Eval = Annotated[str | None, typer.Option("--eval", metavar="KEY", help="Which metric is the held-out score.")]
Length = Annotated[str | None, typer.Option("--length", metavar="KEY", help="Which metric is the response length.")]
Problems = Annotated[int | None, typer.Option("--problems", min=1, help="Held-out problems per evaluation.")]
Samples = Annotated[int, typer.Option("--samples", min=1, help="Samples per held-out problem.")]
OneRun = Annotated[str | None, typer.Option("--run", metavar="NAME", help="Which run, where a log holds several.")]


@app.command()
def report(
    paths: Paths,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the reports go.")] = Path("heldout-report"),
    reward: Reward = None,
    eval_key: Eval = None,
    length: Length = None,
    problems: Problems = None,
    samples: Samples = 1,
    run: OneRun = None,
    formats: Annotated[
        str, typer.Option(help="Formats of the figures: svg, png, pdf, separated by commas.")
    ] = "svg,png",
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with code 3 on this: an over-optimised run, or any warning.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only where the reports lie.")] = False,
) -> None:
    """Judge a run: the verdict, the figures, and what the curves do, as a page, Markdown, JSON and a summary here.

    Examples:  heldout report runs/today   ·   heldout report a.csv b.jsonl -o out   ·   heldout report example:kimi-dev
    """
    from contextlib import nullcontext

    from heldout.workers import warm_pool

    with warm_pool(*_DRAWING) or nullcontext() as pool:  # before anything else is loaded
        from rich.console import Console
        from rich.progress import track

        from heldout.report import folder_name, write_index, write_report
        from heldout.report.terminal import show, show_files

        console = Console(highlight=False)
        runs, refused = _read_each(paths, run, _roles(reward, eval_key, length), problems, samples)
        several = len(runs) + len(refused) > 1
        chosen = [name.strip() for name in formats.split(",") if name.strip()]
        reports = []
        named = list(zip(_distinct([folder_name(one.name) for one in runs]), runs, strict=True))
        for name, one in track(named, "Reporting", console=console, transient=True, disable=len(runs) < 4):
            written = write_report(one, out / name if several else out, chosen, pool, planned)
            reports.append(written)
            if not quiet:
                show(console, one, written.about, written.verdict)
    for why in refused.values():
        print(f"heldout: {why}", file=sys.stderr)
    pages = [written.page for written in reports]
    if several and reports:
        pages = [write_index(reports, refused, out), *pages]
    show_files(console, pages)
    if refused:
        raise typer.Exit(2)
    if fail_on and any(_fails(written.verdict, fail_on) for written in reports):
        raise typer.Exit(3)


@app.command()
def chart(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A log, a run directory, or example:NAME.")],
    left: Annotated[str, typer.Option(help="Metric on the left axis: a key, or reward, held_out, length.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .svg, .png or .pdf.")],
    right: Annotated[
        list[str] | None, typer.Option(help="Metric on the right axis; may be given up to four times.")
    ] = None,
    width: Annotated[
        float, typer.Option(min=4.0, max=60.0, help="Width in centimetres; a paper's column is 8.5.")
    ] = 16.0,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Colours for a light or a dark page.")] = "light",
    title: Annotated[str, typer.Option(help="A title above the figure.")] = "",
    window: Annotated[float | None, typer.Option(min=1.0, help="Smoothing window in steps.")] = None,
    reward: Reward = None,
    eval_key: Eval = None,
    length: Length = None,
    problems: Problems = None,
    samples: Samples = 1,
    run: OneRun = None,
) -> None:
    """Draw any two metrics of a run against each other.

    Example:  heldout chart runs/today --left reward --right held_out -o figure.pdf --width 8.5
    """
    from heldout.charts import dual_axis, save
    from heldout.readers import read

    one = read(path, run=run, roles=_roles(reward, eval_key, length), problems=problems, samples=samples)
    drawn = dual_axis(one, left, right or None, window=window)
    save(drawn.with_title(title) if title else drawn, out, width_cm=width, theme=theme)
    print(out)


@app.command("eval")
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL [MODEL_B]", help="A model's folder or name, or saved samples (SAMPLES.jsonl)."),
    ],
    task: Annotated[
        str, typer.Option("--task", help="embedded, a .jsonl file of problems, or hf:OWNER/NAME.")
    ] = "embedded",
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="validation is for choosing, test for reporting.")
    ] = "validation",
    samples: Samples = 1,
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, help="Also estimate pass@k; may be given several times.")
    ] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Take the first so many problems of the split.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sampling; the same for both models.")] = 0,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling; 0 takes the likeliest token.")] = 1.0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest completion, in tokens.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Completions that are generated together.")] = 256,
    chat: Annotated[bool, typer.Option("--chat", help="Give prompts in the model's chat template.")] = False,
    sandbox: Annotated[str, typer.Option(help="Where programs run: monty or bubblewrap.")] = "monty",
    step: Annotated[
        int | None, typer.Option(min=0, help="Training step of the model; else the number its name ends with, or 0.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also record the outcome of every problem, and the samples.")
    ] = None,
) -> None:
    """Measure a model, or saved samples, on held-out problems: pass@k with its interval; two models are compared.

    Examples:  heldout eval runs/today/policy --split test   ·   heldout eval a b --samples 4   ·   heldout eval s.jsonl
    """
    from heldout.train.evaluate import Request
    from heldout.train.evaluate import main as measure

    policy = {
        "seed": seed,
        "temperature": temperature,
        "max_new_tokens": max_new_tokens,
        "batch_size": batch_size,
        "chat": chat,
    }
    measure(models, Request(task, split, problems, samples, k or [], sandbox, policy, step), out)


@app.command()
@with_flags
def train(
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Directory of the run [default: runs/ and the recipe's name].")
    ] = None,
    recipe: Annotated[str, typer.Option(help="Start from a recipe: honest, exit-hack or reward-model.")] = "",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as a TOML file.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the directory, as it began.")] = False,
    **settings: Any,
) -> None:
    """Train a code model by GRPO with verified rewards, measured on held-out problems and recorded.

    A recipe is overridden by the file, the file by flags. SIGTERM or Ctrl-C saves a checkpoint and stops.

    Examples:  heldout train --recipe honest   ·   heldout train --model Qwen/Qwen2.5-Coder-0.5B --task mine.jsonl
    """
    from rich.console import Console

    from heldout.train import require_extra
    from heldout.train.config import load_config, settings_of

    require_extra()
    from heldout.train.grpo import train as run

    directory = out or Path("runs") / (recipe or "train")
    if resume and (recipe or config or settings):
        raise UsageError("--resume goes on with the settings of the run; leave recipe, file and other flags away.")
    chosen = settings_of(directory) if resume else load_config(recipe, config, **settings)
    finished = run(chosen, directory, resume=resume, console=Console(stderr=True, highlight=False))
    again = "" if finished else f"; go on with: heldout train --resume -o {directory}"
    print(f"{directory}: {'finished' if finished else 'stopped'}{again}")


@app.command()
def watch(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A log or directory; it need not be there yet.")],
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    on: Annotated[
        Literal["warning", "watch", "likely", "confirmed"], typer.Option(help="From which finding on to act.")
    ] = "likely",
    command: Annotated[
        str, typer.Option("--run", metavar="CMD", help="Run this; HELDOUT_STEP, HELDOUT_KIND … say what was found.")
    ] = "",
    shell: Annotated[bool, typer.Option("--shell", help="Give --run to a shell.")] = False,
    stop_file: Annotated[Path | None, typer.Option(help="Make this file, for a training that looks for it.")] = None,
    signal: Annotated[str | None, typer.Option(metavar="PID[:SIG]", help="Signal this process, with TERM.")] = None,
    alert: Annotated[
        list[str] | None, typer.Option(help="env:NAME (a URL in the environment), mailto:ADDRESS or cmd:COMMAND.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep here what was found and done, for the next watch.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, act, print, and end.")] = False,
    until_idle: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.0, help="End when so long nothing was written.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks, at least.")] = 1.0,
    reward: Reward = None,
    eval_key: Eval = None,
    length: Length = None,
    problems: Problems = None,
    samples: Samples = 1,
    name: Annotated[str | None, typer.Option("--name", help="Which run, where a log holds several.")] = None,
) -> None:
    """Follow a run while it goes on, and act on what is found: a command, a file, a signal, an alert.

    Examples:  heldout watch runs/today   ·   heldout watch train.log --on confirmed --stop-file STOP --planned 40
    """
    from heldout.alerts import alert_of
    from heldout.guard.policy import On, Policy
    from heldout.watch import Follower, Watch
    from heldout.watch.acts import Command, Process

    stops = stop_file is not None or signal is not None
    chosen = On(on)
    policy = Policy(alert=chosen, stop=chosen if stops else On.NEVER, run=command, run_on=chosen, dry_run=dry_run)
    watching = Watch(
        Follower(path, run=name, roles=_roles(reward, eval_key, length), problems=problems, samples=samples),
        policy,
        planned=planned,
        alerts=[alert_of(one) for one in alert or []],
        command=Command(command, shell=shell) if command else None,
        stop_file=stop_file,
        process=Process(signal) if signal else None,
        state=state,
    )
    if once:
        watching.once()
    else:
        watching.follow(interval=interval, until_idle=until_idle)


@app.command()
def plan(
    path: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run: which of its checkpoints to evaluate next.")
    ] = None,
    problems: Problems = None,
    samples: Samples = 1,
    evals: Annotated[int, typer.Option("--evals", help="Evaluations of the whole run.")] = 20,
    budget: Annotated[int | None, typer.Option(help="Generations for the whole run: how to spend them.")] = None,
    rate: Annotated[float, typer.Option(help="Share of the problems that is expected to be solved.")] = 0.35,
    drop: Annotated[float, typer.Option(help="A fall that should be seen; 0.03 is three points.")] = 0.03,
    count: Annotated[int, typer.Option("--next", min=1, help="How many checkpoints to propose.")] = 4,
    eval_key: Eval = None,
    run: OneRun = None,
) -> None:
    """Plan evaluations: which fall a schedule can show, the cheapest one that shows it, or where to look in a run.

    Examples:  heldout plan --problems 200 --evals 20   ·   heldout plan --budget 20000   ·   heldout plan runs/today
    """
    from rich.console import Console

    from heldout.plan import Schedule, best_for, next_checkpoints
    from heldout.plan import terminal as shown

    console = Console(highlight=False)
    if path is not None:
        from heldout.readers import read

        one = read(path, run=run, roles=_roles(None, eval_key, None), problems=problems, samples=samples)
        shown.show_next(console, next_checkpoints(one, count))
        return
    if budget is not None:
        shown.show_budget(console, budget, best_for(budget, problems=problems, rate=rate))
    elif problems is not None:
        shown.show_schedule(console, Schedule(problems, samples, evals, rate))
    shown.show_cheapest(console, drop, rate, problems)


@app.command()
def metrics() -> None:
    """Print what every metric name means, and the keys under which trainers log it (Markdown)."""
    from heldout.names import as_markdown

    print(as_markdown(), end="")


@bench_app.command("read")
def bench_read(
    steps: Annotated[int, typer.Option(min=1000, help="Steps of the generated logs.")] = 100_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median is stated.")] = 3,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Time and memory of reading logs, as ratios against tensorboard, orjson and polars in the same run."""
    from heldout.bench.read import main as bench

    bench(steps, repeats, out)


@bench_app.command("verdict")
def bench_verdict(
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median is stated.")] = 3,
) -> None:
    """Time of a verdict, and of all detectors on ever longer logs, beside rldoctor where it is installed."""
    from heldout.bench.verdict import main as bench

    bench(repeats)


@bench_app.command("detect")
def bench_detect(
    configs: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONFIG...", help="Such as n500K40, n200K40m4, n500K40-churn, n500K40-outside."),
    ] = None,
    runs: Annotated[int, typer.Option(min=2, help="Simulated runs of each family.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
    figures: Annotated[Path | None, typer.Option(metavar="DIR", help="Also draw them, as SVG and PNG.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Take the results of an earlier -o FILE.json; simulate nothing."),
    ] = None,
) -> None:
    """False alarms and delay of noticing a falling pass rate, against what people use, on runs whose truth is known."""
    from heldout.bench.detect import main as bench

    bench(runs, configs or [], seed, workers, out, figures, source)


@bench_app.command("plan")
def bench_plan(
    runs: Annotated[int, typer.Option(min=2, help="Simulated runs of each family.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown.")] = None,
) -> None:
    """Evaluations that the search for the best checkpoint saves, and its regret, on runs whose truth is known."""
    from heldout.bench.plan import main as bench

    bench(runs, seed, out)


@bench_app.command("judge")
def bench_judge(
    programs: Annotated[int, typer.Option(min=20, help="Programs to judge; the slow judges get fewer.")] = 1000,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="At one time, for every judge; 0 for as many as cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Programs judged per second, in each sandbox and in what people use, as ratios in the same run."""
    from heldout.bench.judge import main as bench
    from heldout.sandbox.base import default_workers

    bench(programs, repeats, workers or default_workers(), out)


def _read_each(
    paths: list[str], name: str | None, roles: dict[str, str], problems: int | None, samples: int
) -> tuple[list[Run], dict[str, str]]:
    """Read every path; with several, what cannot be read is reported and the others go on."""
    from heldout.readers import read_all

    runs: list[Run] = []
    refused: dict[str, str] = {}
    for path in paths:
        try:
            runs += read_all(path, run=name, roles=roles, problems=problems, samples=samples)
        except ReadError as error:
            if len(paths) == 1:
                raise
            refused[path] = str(error)
    return runs, refused


def _fails(verdict: Verdict, on: FailOn) -> bool:
    """Whether a verdict is what the user wants to hear of by exit code."""
    if verdict.state in ("over-optimised", "regressed"):
        return True
    return on == "warning" and any(finding.severity in ("warning", "alarm") for finding in verdict.findings)


def _roles(reward: str | None, held_out: str | None, length: str | None) -> dict[str, str]:
    return {role: key for role, key in (("reward", reward), ("held_out", held_out), ("length", length)) if key}


def _distinct(names: list[str]) -> list[str]:
    """Number the names that occur more than once."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[index] = f"{name}-{seen[name]}"
    return names


def _version(wanted: bool) -> None:
    if wanted:
        print(f"heldout {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> NoReturn:
    """Run the command line; a user's mistake is one sentence and exit code 2, never a traceback."""
    try:
        app()
    except HeldoutError as error:
        print(f"heldout: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
