"""Linear algebra on one thread.

The matrices here are small and many: threads of a BLAS that share the work on one of them wait for each other longer
than the work takes, twelve times as long on a machine that has other work. How many threads a BLAS has is a setting of
the whole process, so it is set for the time of a call and then set back.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

_P = ParamSpec("_P")
_R = TypeVar("_R")

_NAMES = [f"{before}openblas_{{}}_num_threads{after}" for before in ("", "scipy_") for after in ("", "64_", "_64")]


def on_one_thread(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function so that linear algebra has one thread while it runs."""

    @wraps(work)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with one_thread():
            return work(*args, **kwargs)

    return alone


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra has one thread, where its library is one that can be told."""
    return _limit()()


@cache
def _limit() -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes such a context: threadpoolctl, which knows every library, or else for OpenBLAS alone."""
    try:
        controller = importlib.import_module("threadpoolctl").ThreadpoolController()
    except ImportError:
        library = next(filter(None, map(_loaded, _libraries())), None)
        return nullcontext if library is None else lambda: _limited(*library)
    return lambda: controller.limit(limits=1, user_api="blas")


@contextmanager
def _limited(threads: Callable[[], int], set_threads: Callable[[int], None]) -> Iterator[None]:
    before = threads()
    if before <= 1:
        yield
        return
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


def _libraries() -> Iterator[Path]:
    """Yield the OpenBLAS that numpy has loaded: as Linux lists it, or as it lies beside numpy."""
    if sys.platform == "linux":
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
        paths = dict.fromkeys(line.split(maxsplit=5)[-1] for line in lines if "openblas" in line.lower())
        yield from map(Path, paths)
        return
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        yield from folder.glob("*openblas*")


def _loaded(path: Path) -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return the functions of a library that tell and set its number of threads."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        return None
    for name in _NAMES:
        get, put = getattr(library, name.format("get"), None), getattr(library, name.format("set"), None)
        if get is not None and put is not None:
            get.restype, get.argtypes, put.restype, put.argtypes = ctypes.c_int, [], None, [ctypes.c_int]
            return get, put
    return None
