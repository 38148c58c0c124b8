"""What keeps a reward apart from all other processes of the machine."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess

_INIT = ("sh", "-c", '"$@"; exit $?', "sh")  # process 1 of the space, which takes in orphans
_UNSHARE = ("--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
_BUBBLEWRAP = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent", "--")
_INNER = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true")  # as rewards do it themselves
_NO_INNER = (
    "A reward that runs programs in bubblewrap itself fails here, since bubblewrap cannot be started in the space of "
    "processes that an audit gives to a reward; what is said of such a reward is about that, and not about the reward."
)


def apart() -> tuple[str, ...]:
    """What starts a process in a space of process numbers of its own, so that an answer can kill nothing outside.

    Nothing where this machine has no such spaces.
    """
    return _found()[0]


def notes() -> tuple[str, ...]:
    """What a user should know of that space."""
    return (_NO_INNER,) if _found()[1] else ()


@functools.cache
def _found() -> tuple[tuple[str, ...], bool]:
    """The first words that work and let bubblewrap work within, else those that work; whether it then works no more.

    A space that bubblewrap makes hides parts of /proc, and no kernel lets anybody within mount one that hides less.
    """
    own = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    ways = [words for words in (("unshare", *own, *_UNSHARE, *_INIT), _BUBBLEWRAP) if _ends_well(*words, "true")]
    nested = _ends_well(*_INNER)
    if nested:
        ways.sort(key=lambda words: not _ends_well(*words, *_INNER))
    best = ways[0] if ways else ()
    return best, nested and not _ends_well(*best, *_INNER)


def _ends_well(*words: str) -> bool:
    if not shutil.which(words[0]):
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(words, capture_output=True, timeout=10, check=False).returncode == 0
    return False
