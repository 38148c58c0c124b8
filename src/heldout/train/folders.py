"""Folders of models that several processes and runs share: whole or not there, and made once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson

from heldout.errors import HeldoutError, UsageError
from heldout.ranks import gathered, ranks

_JSON = ("config.json", "tokenizer.json")
_TURNS = 3  # the first process, the first of every other machine, the rest


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a model and its tokenizer as ``save_pretrained`` wrote them, and nothing was cut off."""
    from safetensors import SafetensorError, safe_open

    try:
        for name in _JSON:
            orjson.loads((folder / name).read_bytes())
        weights = list(folder.glob("*.safetensors"))
        for file in weights:
            with safe_open(file, framework="pt") as opened:  # refuses a file that is shorter than its header says
                opened.keys()
        return bool(weights)
    except (OSError, ValueError, SafetensorError):
        return False


def publish(write: Callable[[Path], object], folder: Path) -> Path:
    """Let a model be written, and put it where it belongs all at once, in place of a broken one.

    A process that is killed leaves none, or a whole one. One that another process has put there meanwhile stays.

    Raises
    ------
    HeldoutError
        When what was written is not whole, as on a full disk.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write(unfinished)
        if not is_whole(unfinished):
            raise HeldoutError(f"The model that was written below {folder.parent} is not whole; is the disk full?")
        unfinished.chmod(0o755)  # a temporary folder is the user's alone, and others may share this one
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def in_turn(work: Callable[[], Path]) -> Path:
    """Do some work in every process, which finds it done where another has been before.

    They take their turns as `Ranks.turn` says. Where one process fails all do, so that none waits for it.

    Raises
    ------
    UsageError
        What the work raised, also where another process did.
    """
    here = ranks()
    if here.size == 1:
        return work()
    found = Path()
    for turn in range(_TURNS):
        failed: list[Exception] = []
        if turn == here.turn:
            try:
                found = work()
            except Exception as error:
                failed = [error]
        told = gathered([str(error) or type(error).__name__ for error in failed])
        if failed:
            raise failed[0]
        for other in told:
            if other:
                raise UsageError(f"Another process failed: {other[0]}")
    return found
