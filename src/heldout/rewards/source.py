"""What a reward is made of, so that one that was changed is not taken for the same."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import shlex
import shutil
from pathlib import Path

import heldout
from heldout.rewards.formula import OWN


def source_of(name: str) -> str:
    """Return a hash of the files of a reward: that which is named, and what it imports from beside it.

    Of a command it is that of its words which are files; heldout's own rewards are those of its version.
    """
    found = hashlib.sha256(heldout.__version__.encode())
    for path in sorted(_files(name)):
        found.update(path.read_bytes())
    return found.hexdigest()


def _files(name: str) -> set[Path]:
    named = OWN.match(name)
    files: set[Path] = set()
    if not named:
        with contextlib.suppress(ValueError):
            words = [Path(shutil.which(word) or word) for word in shlex.split(name)]
            files = {word for word in words if word.is_file()}
        return files
    where = Path(named["where"])
    if not where.is_file():
        with contextlib.suppress(ImportError, ValueError):  # how else it fails, loading it says
            spec = importlib.util.find_spec(named["where"])
            where = Path(spec.origin) if spec and spec.origin else where
    _gather(where, files)
    return files


def _gather(path: Path, files: set[Path]) -> None:
    """Add a file, and those that it imports which lie beside it."""
    if not path.is_file() or path in files:
        return
    files.add(path)
    with contextlib.suppress(SyntaxError, ValueError):
        for one in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in one.names] if isinstance(one, ast.Import) else []
            names += [one.module] if isinstance(one, ast.ImportFrom) and one.module else []
            for name in names:
                inner = path.parent / name.split(".")[0]
                _gather(inner.with_suffix(".py"), files)
                for part in sorted(inner.rglob("*.py")) if inner.is_dir() else ():
                    _gather(part, files)
