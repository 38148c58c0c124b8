"""Judging programs safely and fast.

`judge` tells which hidden tests programs pass; a `Sandbox` is where they run, opened by `open_sandbox`::

    with open_sandbox() as sandbox:
        (judgement,) = judge([("def double(x): return 2 * x", "double", [Test((4,), 8)])], sandbox)
    judgement.solved  # True

* ``"monty"``: an interpreter of a part of Python; some tenths of a millisecond a program.
* ``"bubblewrap"``: the whole of CPython behind Linux namespaces; some milliseconds a program.
* ``"auto"`` (default): monty first, and what it cannot run goes to bubblewrap, where that is there.

What each covers and what not stands in the headers of `heldout.sandbox.monty` and `heldout.sandbox.bubblewrap`.
`heldout.sandbox.exit_status` holds a judge that is flawed, to show how.
"""

from __future__ import annotations

from collections.abc import Sequence

from heldout.errors import UsageError
from heldout.sandbox.base import Answer, Call, Checks, Limits, Program, Sandbox, Status, Stdin
from heldout.sandbox.compare import same
from heldout.sandbox.hidden import CheckedTest, HiddenTest, Reply, SourceTest, StdinTest, Test
from heldout.sandbox.judging import Attempt, Judgement, judge

__all__ = [
    "Answer",
    "Attempt",
    "Call",
    "CheckedTest",
    "Checks",
    "HiddenTest",
    "Judgement",
    "Limits",
    "Program",
    "Reply",
    "Sandbox",
    "SourceTest",
    "Status",
    "Stdin",
    "StdinTest",
    "Test",
    "judge",
    "open_sandbox",
    "same",
]


def open_sandbox(
    name: str = "auto",
    *,
    workers: int | None = None,
    limits: Limits = Limits(),  # noqa: B008
    packages: Sequence[str] | None = None,
    where: str = "",
) -> Sandbox:
    """Open a place to run programs in.

    Parameters
    ----------
    name
        "auto", "monty" or "bubblewrap".
    workers
        How many programs run at one time; by default as many as there are cores, shared among the processes that train
        together on the machine.
    limits
        What one program may use, where it has no limits of its own.
    packages
        What programs may import beside the standard library: names of packages that are installed in this Python. By
        default numpy, where it is installed. Monty has none.
    where
        "ray://auto" or "ray://HOST:PORT" to run them on the nodes of a cluster of Ray, see `heldout.sandbox.ray`; each
        of the workers is then a processor of it, by default of those that are free. Empty for this machine.

    Raises
    ------
    UsageError
        When the name is another, `workers` is below 1, or a package is not installed.
    MissingSandbox
        When what it needs is not installed; the message has the command.
    SandboxError
        When it does not start here, or a limit does not hold.
    MissingExtra
        When Ray is wanted, and not installed.
    ClusterError
        When there is no cluster, no processor of it is free, or its nodes would not judge alike.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; it must be at least 1.")
    if name not in ("auto", "monty", "bubblewrap"):
        raise UsageError(f"There is no sandbox {name!r}; choose auto, monty or bubblewrap.")
    if where:
        from heldout.sandbox.ray import OnRay

        return OnRay(where, name, workers, limits, packages)
    if name == "monty":
        if packages:
            raise UsageError("In monty programs have no packages; take the sandbox auto or bubblewrap.")
        from heldout.sandbox.monty import Monty

        return Monty(workers, limits)
    if name == "bubblewrap":
        from heldout.sandbox.bubblewrap import Bubblewrap

        return Bubblewrap(workers, limits, packages)
    from heldout.sandbox.auto import Auto

    return Auto(workers, limits, packages)
