"""From a directory to the runs in it.

One folder of logs is one run when its files say the same thing in several formats (then the richest format is read) or
are the pieces of one run (event files of a resumed run, checkpoints of one training); files of one format beside each
other are runs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from heldout.errors import NotUnderstood, ReadError
from heldout.names import meaning_of
from heldout.readers.assemble import joined
from heldout.readers.log import Column, Log
from heldout.readers.rows import some
from heldout.run import Note, NoteKind

Named = tuple[str, Log]
ReadLogs = Callable[[Path], list[Log]]

# Which format of the same run is read: the one that loses least first.
_RICHEST = (
    "trainer_state",
    "JSON lines",
    "metrics.jsonl",
    "result.json",
    "W&B offline",
    "TensorBoard",
    "table",
    "progress.csv",
    "CSV",
    "Parquet",
    "JSON document",
)
_NEVER = {
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".svg",
    ".pdf",
    ".html",
    ".py",
    ".ipynb",
    ".zip",
    ".gz",
    ".whl",
    ".so",
    ".yaml",
    ".yml",
    ".toml",
    ".lock",
    ".model",
    ".arrow",
    ".pkl",
}
_NOT_LOGS = {
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "requirements.txt",
    "params.json",
    "readme.md",
    "license",
    "adapter_config.json",
}
_DEEPEST = 5


def found_in(root: Path, read_logs: ReadLogs, understood: str) -> list[Named]:
    """Return name and log of every run below a directory.

    Parameters
    ----------
    root
        The directory.
    read_logs
        Reads one file, or raises `ReadError`.
    understood
        What can be read, for the message when nothing was.

    Raises
    ------
    NotUnderstood
        When no file below it could be read; the message says why for the first ones.
    """
    logs: dict[Path, list[Log]] = {}
    refused: dict[Path, str] = {}
    for path in _candidates(root):
        try:
            logs[path] = read_logs(path)
        except ReadError as error:
            refused[path] = str(error)
    if not logs:
        why = " ".join(list(refused.values())[:3]) or f"No file in it looks like a log; heldout reads {understood}."
        raise NotUnderstood(f"{root}: no training log was found. {why}")
    unread = [_refusal(root, refused)] if refused else []
    named = list(_by_folder(root, _without_inner(_longest_checkpoint(logs))))
    return [(name, replace(log, notes=(*log.notes, *unread))) for name, log in named]


def _candidates(root: Path, depth: int = 0) -> Iterator[Path]:
    for entry in sorted(root.iterdir(), key=lambda path: _natural(path.name)):
        if entry.name.startswith(".") or _is_second_name(entry):
            continue
        if entry.is_dir() and depth < _DEEPEST:
            yield from _candidates(entry, depth + 1)
        elif entry.is_file() and entry.suffix.lower() not in _NEVER and entry.name.lower() not in _NOT_LOGS:
            yield entry


def _is_second_name(entry: Path) -> bool:
    """Whether an entry is a link to its neighbour, such as W&B's ``latest-run``, or to a folder it stands in."""
    if not entry.is_symlink():
        return False
    target = entry.resolve()
    return target.parent == entry.parent.resolve() or target in entry.parent.resolve().parents


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    digits = "".join(" " + c if not c.isdigit() else c for c in name).split(" ")
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in digits)


def _refusal(root: Path, refused: dict[Path, str]) -> Note:
    names = [str(path.relative_to(root)) for path in refused]
    first = next(iter(refused.values()))
    return Note(
        NoteKind.IGNORED, f"{len(names)} files here were not read: {some(names)}. The first: {first}", len(names)
    )


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


def _by_folder(root: Path, logs: dict[Path, list[Log]]) -> Iterator[Named]:
    folders: dict[Path, dict[Path, list[Log]]] = {}
    for path, found in logs.items():
        folders.setdefault(path.parent, {})[path] = found
    for folder, files in folders.items():
        name = root.resolve().name if folder == root else str(folder.relative_to(root))
        yield from _runs_of(files, name)


def _runs_of(found: dict[Path, list[Log]], name: str) -> Iterator[Named]:
    best = min(_richness(logs[0]) for logs in found.values())
    read = {path: logs for path, logs in found.items() if _richness(logs[0]) == best}
    others = {path: logs for path, logs in found.items() if path not in read}
    if all(logs[0].format.startswith("TensorBoard") for logs in read.values()) and len(read) > 1:
        pieces = sorted((log for logs in read.values() for log in logs), key=_begun)
        read = {next(iter(read)): [joined(pieces)]}
    one = len(read) == 1 and len(next(iter(read.values()))) == 1
    for path, logs in read.items():
        for log in logs:
            whole, left = _with_companions(log, others) if one else (log, others)
            notes = (*whole.notes, _also([other.name for other in left])) if left else whole.notes
            yield (name if one else path.stem), replace(whole, notes=notes)


def _richness(log: Log) -> int:
    return next((rank for rank, word in enumerate(_RICHEST) if word in log.format), len(_RICHEST))


def _begun(log: Log) -> float:
    clock = log.columns.get("wall_time")
    return float(clock.value[0]) if clock is not None and len(clock.value) else 0.0


def _also(names: list[str]) -> Note:
    text = (
        f"Other logs beside it were taken as the same run and not read: {some(names)}; give a file's path to read it."
    )
    return Note(NoteKind.IGNORED, text, len(names))


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
    return 0.5 <= (int(other.step.max()) + 1) / (int(log.step.max()) + 1) <= 1.2


def _joined_by_step(log: Log, other: Log, note: Note) -> Log:
    first = len(log.step)
    columns = {key: Column(column.row + first, column.value) for key, column in other.columns.items()}
    return replace(
        log,
        step=np.concatenate([log.step, other.step]),
        columns={**log.columns, **columns},
        notes=(*log.notes, *other.notes, note),
    )
