"""``train``: make a policy."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from heldout.cli.reading import declared, pair, typed_text
from heldout.errors import UsageError
from heldout.ranks import ranks
from heldout.train.config import TrainConfig, type_of


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a typer command one flag for each setting; it receives those that were typed as keywords.

    The command's own parameters come first; its last one must be ``**settings``.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    flags = [_flag(one) for one in dataclasses.fields(TrainConfig)]
    optional = {flag.name for flag in flags}

    def run(**typed: Any) -> None:
        if typed["trl"]:
            typed["trl"] = {key: _value(text) for key, text in (pair("trl", one) for one in typed["trl"])}
        if typed["column"]:
            typed["column"] = dict(pair("column", one) for one in typed["column"])
        if typed["stop_sequences"]:
            typed["stop_sequences"] = [typed_text(text) for text in typed["stop_sequences"]]
        command(**{name: value for name, value in typed.items() if value is not None or name not in optional})

    return declared(run, command, [*own, *flags])


class Grouped(TyperCommand):
    """A command whose --help shows its flags in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for flag in self.get_params(ctx):
            row = flag.get_help_record(ctx)
            if row is not None:
                groups.setdefault(getattr(flag, "rich_help_panel", None) or "Options", []).append(row)
        for name, rows in groups.items():
            with formatter.section(name):
                formatter.write_dl(rows)


def _flag(one: dataclasses.Field[Any]) -> inspect.Parameter:
    """Return the parameter that typer makes a flag of; None stands for a flag that was not typed."""
    kind, default, allowed = type_of(one), one.default, one.metadata["allowed"]
    meaning = one.metadata["meaning"]
    if allowed:
        meaning += f" One of: {', '.join(a or 'none' for a in allowed)}."
    if default not in ("", (), dataclasses.MISSING):
        meaning += f" [default: {default}]"
    name = one.name.replace("_", "-")
    names = f"--{name}/--no-{name}" if kind is bool else f"--{name}"
    group = _GROUP_OF.get(one.name, "Run")
    option = typer.Option(names, help=meaning, metavar=_METAVARS[kind], show_default=False, rich_help_panel=group)
    annotation = Annotated[list[str] | None if kind in _REPEATED else kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


# The groups in which --help shows them; what stands in none is of the run.
_GROUPS = {
    "Reward": ("reward", "wrong_tests", "extract", "compare", "labelled_problems", "labelled_samples", "label_epochs"),
    "Evaluation and record": (
        *("evaluate_every", "evaluate_calm", "evaluate_most", "evaluate_split", "evaluate_problems"),
        *("evaluate_samples", "save_every", "keep", "record_every", "record", "judge", "judge_cost", "variant"),
    ),
    "Acts": ("stop_on", "remedy", "on_fall", "roll_backs", "acts"),
    "GPU": ("precision", "micro_batch", "vllm", "vllm_server", "vllm_memory", "lora"),
    "Sandbox": ("sandbox", "seconds", "memory", "output", "processes", "packages", "workers", "where"),
    "Demo": ("warm_steps", "trick", "trick_chance"),
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
_REPEATED = (Mapping, Sequence)  # given once for each item
_METAVARS = {bool: None, int: "N", float: "X", str: "TEXT", Mapping: "KEY=VALUE", Sequence: "TEXT"}


def _value(text: str) -> Any:
    """Read a value as TOML does; it is text where that fails."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@with_flags
def train(
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="Directory of the run [default: runs/ and the recipe's name].")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Start from a recipe: honest, exit-hack, exit-hack-guarded or reward-model.")
    ] = "",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as a TOML file.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the directory, as it began.")] = False,
    back_to: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="STEP",
            help="Go back to the checkpoint of this step of the run in the directory, and on from it; --reward, --kl, "
            "--steps and the acts may be others from there.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the settings as TRL would get them and the line to launch; train nothing."
        ),
    ] = False,
    **settings: Any,
) -> None:
    """Train a code model by GRPO with verified rewards, measured on held-out problems and recorded.

    A recipe is overridden by the file, the file by flags. SIGTERM, SIGUSR1, Ctrl-C or a file
    named stop in the run's directory saves a checkpoint and stops; SIGUSR2 saves one and goes on.

    Examples:  heldout train --recipe honest   ·   heldout train --model Qwen/Qwen2.5-Coder-0.5B --task mine.jsonl
    """
    from rich.console import Console

    from heldout.train import require_extra
    from heldout.train.config import changed_settings, load_config, settings_of

    require_extra()
    from heldout.remote.address import address_of
    from heldout.remote.index import shown
    from heldout.store.uploading import sent_to
    from heldout.train.grpo import train as run

    place = out or str(Path("runs") / (recipe or "train"))
    if resume and (recipe or config or settings):
        raise UsageError("--resume goes on with the settings of the run; leave recipe, file and other flags away.")
    if back_to is not None and (recipe or config):
        raise UsageError("--from goes on with the settings of the run; leave recipe and file away.")
    with sent_to(place, sending=not dry_run) as directory:
        if back_to is not None:
            chosen = changed_settings(directory, **settings)
        else:
            chosen = settings_of(directory) if resume else load_config(recipe, config, **settings)
        if dry_run:
            _print_plan(chosen, directory)
            return
        console = Console(stderr=True, highlight=False)
        finished = run(chosen, directory, resume=resume or back_to is not None, back_to=back_to, console=console)
    if not ranks().first:
        return  # the first process speaks for all
    where = shown(place if (elsewhere := address_of(place) is not None) else directory)
    again = "" if finished else f"; go on with: heldout train --resume -o {where}"
    stay = f"; checkpoints and the policy are in {directory}" if elsewhere else ""
    print(f"{where}: {'finished' if finished else 'stopped'}{stay}{again}")


def _print_plan(chosen: TrainConfig, directory: Path) -> None:
    """Print what would be trained, in the first process alone."""
    import orjson

    from heldout.train.dry_run import dry_run

    if not ranks().first:
        return
    typed = sys.argv[sys.argv.index("train") + 1 :] if "train" in sys.argv else []
    plan = dry_run(chosen, directory, [word for word in typed if word != "--dry-run"])
    print(orjson.dumps(plan, option=orjson.OPT_INDENT_2, default=str).decode())
