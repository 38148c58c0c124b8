"""Processes that have a heavy library loaded, while the main one was doing something else.

Most of a report's time goes into loading the library that draws, and into drawing. A fork server loads it once beside
the reading and describing; the processes that draw are forked from it.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver, get_context

_MOST = 8


def warm_pool(*modules: str) -> ProcessPoolExecutor | None:
    """Start to load modules now, for processes that will need them; None where there is one core, or no way to fork.

    Parameters
    ----------
    modules
        Their full names.
    """
    workers = min(len(os.sched_getaffinity(0)), _MOST) if sys.platform == "linux" else 1
    if workers < 2:
        return None
    context = get_context("forkserver")
    context.set_forkserver_preload([*modules, "heldout.cli"])  # each process also looks at the main module
    forkserver.ensure_running()
    return ProcessPoolExecutor(workers, mp_context=context)
