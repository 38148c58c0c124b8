"""From a directory to the runs in it.

One folder of logs is one run when its files say the same thing in several formats (then the format with the lowest rank
is read) or are the pieces of one run (event files of a resumed run, checkpoints of one training); files of one rank
beside each other are runs of their own. A folder that is one log, such as one that heldout recorded, is one run,
whatever else is in it. Held-out outcomes in files of their own belong to the run above them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from heldout.errors import NotUnderstood, ReadError
from heldout.metrics import meaning_of
from heldout.readers.formats import UNDERSTOOD, Kind, folder_reader, format_of, read_file
from heldout.readers.judged_samples import owner
from heldout.readers.log import Log, attached, log_of, noted, some
from heldout.readers.packing import bare
from heldout.readers.restarts import joined
from heldout.readers.source import Files
from heldout.readers.writers import merged_writers
from heldout.run import Evaluation, Note, NoteKind
from heldout.text import counted

Named = tuple[str, Log]
Placed = tuple[Path, str, Log]  # the folder of a run, the name of its file where the folder holds several, and its log

# Names of files that are certainly no logs: weights, figures, code, archives, settings, parts of databases.
_NO_LOG = re.compile(
    r".*\.(?:safetensors|bin|ckpt|pth?|model|arrow|pkl|png|jpe?g|gif|svg|pdf|html|py|ipynb|so|zip|tar|tgz|whl|ya?ml|toml)"
    r"|(?:tokenizer_|generation_|adapter_)?config\.json|(?:tokenizer|special_tokens_map|vocab|params|swanlab-metadata)\.json"
    r"|(?:merges|requirements)\.txt|readme\.md|license|.*\.lock|.*-(?:wal|shm|journal)",
    re.IGNORECASE | re.DOTALL,
)
_DEEPEST = 5  # folders below the one that was named
# Of the training's steps: scores may stop at half of a run that goes on, and their last step may round up its end.
# Beyond that the two files count different things, such as epochs and steps.
_SHORTEST, _LONGEST = 0.5, 1.2
_CHECKPOINT = re.compile(r"(?:checkpoint[-_]|step-|global_step_?)(\d+)")
_CHECKPOINTS_DEEPEST = 3


def found_in(root: Path, files: Files) -> list[Named]:
    """Return name and log of every run below a directory.

    Raises `NotUnderstood` where no file below it could be read; the message says why for the first ones.
    """
    logs: dict[Path, list[Log]] = {}
    refused: dict[Path, str] = {}
    for path in _candidates(root):
        try:
            read = folder_reader(path) if path.is_dir() else None
            logs[path] = [read(path, files)] if read else read_file(path, files)
        except ReadError as error:
            refused[path] = str(error)
    if not logs:
        why = " ".join(list(refused.values())[:3]) or f"No file in it looks like a log; heldout reads {UNDERSTOOD}."
        raise NotUnderstood(f"{root}: no training log was found. {why}")
    recorded = {path: found[0] for path, found in logs.items() if format_of(found[0]).read is None}
    outcomes = {path: found[0] for path, found in logs.items() if format_of(found[0]).kind is Kind.OUTCOMES}
    trainings = {
        path / path.name if path.is_dir() else path: found  # a folder that is one log stands alone in itself
        for path, found in logs.items()
        if path not in recorded and path not in outcomes
    }
    placed = [
        *((path, "", log) for path, log in recorded.items()),
        *_by_folder(_without_inner(_longest_checkpoint(trainings))),
    ]
    placed = _with_checkpoints(root, _with_outcomes(root, placed, outcomes))
    unread = _refusals(root, refused)
    return [(_name(root, folder, name), replace(log, notes=(*log.notes, *unread))) for folder, name, log in placed]


def _candidates(root: Path, depth: int = 0) -> Iterator[Path]:
    """Yield the files that may be logs, and the folders that are one log, which are not looked into."""
    if folder_reader(root) is not None:
        yield root
        return
    for entry in sorted(root.iterdir(), key=lambda path: _natural(path.name)):
        if entry.name.startswith(".") or _is_second_name(entry):
            continue
        if entry.is_dir() and depth < _DEEPEST:
            yield from _candidates(entry, depth + 1)
        elif entry.is_file() and not is_no_log(entry) and (bare(entry) == entry or not bare(entry).exists()):
            yield entry


def is_no_log(path: Path) -> bool:
    """Whether a file is certainly no log, by its name: weights, figures, settings."""
    return _NO_LOG.fullmatch(bare(path).name) is not None


def _name(root: Path, folder: Path, stem: str) -> str:
    """A run's name: that of its file where a folder holds several, else that of its folder."""
    return stem or (root.resolve().name if folder == root else str(folder.relative_to(root)))


def _is_second_name(entry: Path) -> bool:
    """Whether an entry is a link to its neighbour, such as W&B's ``latest-run``, or to a folder it stands in."""
    if not entry.is_symlink():
        return False
    target = entry.resolve()
    return target.parent == entry.parent.resolve() or target in entry.parent.resolve().parents


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Order names as people do: "run-9" before "run-10"."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name))


def _refusals(root: Path, refused: dict[Path, str]) -> list[Note]:
    """Say which files were not read, and why: a note for each reason that several share, and one for the rest."""
    reasons: dict[str, list[Path]] = {}
    for path, why in refused.items():
        reasons.setdefault(why.replace(str(path), "").replace(path.name, "").lstrip(": "), []).append(path)
    single = [paths[0] for paths in reasons.values() if len(paths) == 1]
    shared = [paths for paths in reasons.values() if len(paths) > 1]
    return [_refusal(root, paths, refused[paths[0]]) for paths in (*shared, single) if paths]


def _refusal(root: Path, paths: list[Path], first: str) -> Note:
    names = some([str(path.relative_to(root)) for path in paths])
    text = f"{counted(len(paths), 'file')} here not read: {names}. {'The first: ' if len(paths) > 1 else ''}{first}"
    return Note(NoteKind.IGNORED, text, len(paths))


def _longest_checkpoint(logs: dict[Path, list[Log]]) -> dict[Path, list[Log]]:
    """Of the checkpoints of one training keep the one with the longest history, under the training's folder."""
    kept: dict[Path, list[Log]] = {}
    trainings: dict[Path, list[tuple[Path, Log]]] = {}
    for path, found in logs.items():
        if path.name == "trainer_state.json":
            folder = path.parent.parent if path.parent.name.startswith("checkpoint") else path.parent
            trainings.setdefault(folder, []).append((path, found[0]))
        else:
            kept[path] = found
    for folder, states in trainings.items():
        path, log = max(states, key=lambda state: (int(state[1].step.max()), len(state[1].step)))
        if len(states) > 1:
            text = f"{len(states)} saved trainer states were found; the longest history is {path.relative_to(folder)}."
            log = replace(log, notes=(*log.notes, Note(NoteKind.ASSUMED, text, len(states))))
        kept[folder / "trainer_state.json"] = [log]
    return kept


def _without_inner(logs: dict[Path, list[Log]]) -> dict[Path, list[Log]]:
    """Leave out what a training's own folder holds besides: TensorBoard, W&B or console logs of the same training."""
    kept = dict(logs)
    for path, found in logs.items():
        if path.name != "trainer_state.json" and path.suffix != ".wandb":
            continue
        inside = [p for p in kept if p.parent != path.parent and path.parent in p.parents and p.name != path.name]
        if inside and path in kept:
            also = _also([str(other.relative_to(path.parent)) for other in inside])
            kept[path] = [replace(log, notes=(*log.notes, also)) for log in found]
            for other in inside:
                del kept[other]
    return kept


def _by_folder(logs: dict[Path, list[Log]]) -> Iterator[Placed]:
    folders: dict[Path, dict[Path, list[Log]]] = {}
    for path, found in logs.items():
        folders.setdefault(path.parent, {})[path] = found
    for folder, files in folders.items():
        yield from _runs_of(files, folder)


def _runs_of(found: dict[Path, list[Log]], folder: Path) -> Iterator[Placed]:
    best = min(format_of(logs[0]).rank for logs in found.values())
    read = {path: logs for path, logs in found.items() if format_of(logs[0]).rank == best}
    others = {path: logs for path, logs in found.items() if path not in read}
    if all(format_of(logs[0]).pieces for logs in read.values()) and len(read) > 1:
        read = {next(iter(read)): [joined(merged_writers([log for logs in read.values() for log in logs]))]}
    one = len(read) == 1 and len(next(iter(read.values()))) == 1
    for path, logs in read.items():
        for log in logs:
            whole, left = _with_companions(log, others) if one else (log, others)
            notes = (*whole.notes, _also([other.name for other in left])) if left else whole.notes
            yield folder, "" if one else bare(path).stem, replace(whole, notes=notes)


def _with_outcomes(root: Path, placed: list[Placed], outcomes: dict[Path, Log]) -> list[Placed]:
    """Give held-out outcomes to the run they belong to: the only one, or the only one of a folder above them.

    Where there is none, they are a run of their own.
    """
    of_run: dict[int, list[Path]] = {}
    of_folder: dict[Path, list[Path]] = {}
    for path in outcomes:
        above = owner(path, root)
        number = _run_above(above, root, placed)
        if number is None:
            of_folder.setdefault(above, []).append(path)
        else:
            of_run.setdefault(number, []).append(path)
    given = [
        (folder, name, _with_measured(log, [outcomes[path] for path in of_run.get(number, [])]))
        for number, (folder, name, log) in enumerate(placed)
    ]
    for folder, paths in of_folder.items():
        logs = [outcomes[path] for path in paths]
        given.append((folder, "", log_of(_measured(logs), logs[0].format, _notes(logs))))
    return given


def _run_above(owner: Path, root: Path, placed: list[Placed]) -> int | None:
    if len(placed) == 1:
        return 0
    for above in (owner, *owner.parents):
        here = [number for number, (folder, _, _) in enumerate(placed) if folder == above]
        if here or above == root:
            return here[0] if len(here) == 1 else None
    return None


def _with_measured(log: Log, found: list[Log]) -> Log:
    sure = [other for other in found if not other.maybe_training]
    unsure = len(found) - len(sure)
    text = (
        f"{counted(unsure, 'file')} of judged samples left alone, since no folder says that they are held-out; rename "
        "the folder to val if they are."
    )
    notes = _notes(sure) + noted(NoteKind.IGNORED, unsure, text)
    return replace(attached(log, _measured(sure)), notes=(*log.notes, *notes))


def _measured(logs: list[Log]) -> list[Evaluation]:
    """The measurements of several files in order of steps: each file holds one step, in whatever order they come."""
    return sorted(chain.from_iterable(log.measured for log in logs), key=lambda evaluation: evaluation.step)


def _notes(logs: list[Log]) -> list[Note]:
    return list(dict.fromkeys(chain.from_iterable(log.notes for log in logs)))


def _with_checkpoints(root: Path, placed: list[Placed]) -> list[Placed]:
    """Give each run the checkpoints in its folder; a run that is alone, all of them."""
    holds = Counter(folder for folder, _, _ in placed)
    there = {folder: _checkpoints(root if len(placed) == 1 else folder) for folder, n in holds.items() if n == 1}
    return [
        (folder, name, replace(log, checkpoints={**there.get(folder, {}), **log.checkpoints}))
        for folder, name, log in placed
    ]


def _checkpoints(folder: Path, depth: int = 0) -> dict[int, str]:
    """Return the folders named after a step (``checkpoint-200``, ``global_step_200``) that hold something."""
    found: dict[int, str] = {}
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or entry.name.startswith(".") or _is_second_name(entry):
            continue
        named = _CHECKPOINT.fullmatch(entry.name)
        if named is None and depth < _CHECKPOINTS_DEEPEST:
            found = {**_checkpoints(entry, depth + 1), **found}
        elif named is not None and any(entry.iterdir()):
            found[int(named.group(1))] = str(entry)
    return found


def _also(names: list[str]) -> Note:
    also = (
        f"Other logs beside it were taken as the same run and not read: {some(names)}; give a file's path to read it."
    )
    return Note(NoteKind.IGNORED, also, len(names))


def _with_companions(log: Log, others: dict[Path, list[Log]]) -> tuple[Log, dict[Path, list[Log]]]:
    """Join held-out scores that were written to a file of their own, by step."""
    left = dict(others)
    for path, logs in others.items():
        if len(logs) == 1 and _completes(log, logs[0]):
            del left[path]
            text = (
                f"{path.name} was joined to the run by step ({some(list(logs[0].columns), 4)}); "
                "check that both files count the same steps."
            )
            log = _joined_by_step(log, logs[0], Note(NoteKind.ASSUMED, text))
    return log, left


def _completes(log: Log, other: Log) -> bool:
    """Whether the other file is no training log of its own, has other keys, and covers about the same steps."""
    training = {"reward", "length", "loss"} & {m.meaning.name for key in other.columns if (m := meaning_of(key))}
    if training or set(other.columns) & set(log.columns) or len(other.step) < 2:
        return False
    return _SHORTEST <= (int(other.step.max()) + 1) / (int(log.step.max()) + 1) <= _LONGEST


def _joined_by_step(log: Log, other: Log, note: Note) -> Log:
    return replace(log.with_rows(other.step, other.columns), notes=(*log.notes, *other.notes, note))
