"""Recording a run: a directory of plain files that are only ever appended to.

Each record is one line, handed to the operating system with one call, so that a process that is killed has lost no call
that returned, and a second process can read along. `Recorder` refuses to start where something is wrong; once it has
started it never stops the training it observes: what it cannot write is counted in `lost`, and warned of once.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from heldout.errors import MissingExtra, RecordError, UsageError
from heldout.metrics import checked_roles
from heldout.ranks import ranks
from heldout.remote.address import address_of
from heldout.run import Evaluation
from heldout.steps import checked_step
from heldout.store import layout
from heldout.store.about import begun, no_place
from heldout.store.evaluations import also_known, evaluation_columns, kept_beside
from heldout.store.lines import (
    LineFile,
    dump_line,
    json_line,
    lock_directory,
    metrics_line,
    plain_mapping,
    replacing,
    text_of,
)
from heldout.store.uploading import Uploader, fetch_run, recorded_at
from heldout.store.writer import LastWord, Writer

_LIVE: weakref.WeakSet[Recorder] = weakref.WeakSet()


class Recorder:
    """Writes one run into a directory.

    Parameters
    ----------
    directory
        Where; it is made if it is not there, and may hold other files (checkpoints, the trainer's own logs). For an
        address such as ``s3://bucket/runs/today`` the run is written on this disk and sent there while it goes on.
    config
        Settings of the run, kept in ``run.json``: plain data, paths, enumerations, dataclasses, arrays.
    roles
        Which metric plays which part, ``{"reward": "critic/score/mean"}``; found by name where it is not said.
    resume
        Go on with the run that the directory holds, if it holds one.
    rank
        Number of this process among those that train together; as torchrun, accelerate, mpirun or srun tell it in the
        environment, else 0. All but rank 0 do nothing at all.

    Attributes
    ----------
    directory
        Where on this disk the run is written.
    lost
        How many records or values could not be written since the start.

    Raises
    ------
    RecordError
        When the directory holds a run already and `resume` is not set, holds files of the same names from somebody
        else, is being written by another process, or cannot be written.
    UsageError
        When the settings, the roles or the rank cannot be what was meant.

    Notes
    -----
    Safe against the death of the process at any moment, not against that of the machine: lines that were handed over
    are written to the disk by the system within seconds. One recorder may be used from several threads.

    Examples
    --------
    >>> import heldout, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with Recorder(folder, config={"lr": 1e-5}) as recorder:
    ...     recorder.log(1, {"reward": 0.25}, kl=0.01)
    ...     measured = recorder.evaluation(1, problems=["a", "b"], passed=[1, 0])
    >>> heldout.read(folder)["held_out"].value
    array([0.5])
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        config: Mapping[str, Any] | None = None,
        roles: Mapping[str, str] | None = None,
        resume: bool = False,
        rank: int | None = None,
    ) -> None:
        self._address = address_of(os.fspath(directory))
        self.directory = Path(directory) if self._address is None else recorded_at(self._address)
        self._uploader: Uploader | None = None
        self.lost = 0
        self._warned: set[str] = set()
        self._lines: dict[str, LineFile] = {}
        self._lock = threading.RLock()  # a signal handler may log while its own thread is logging
        self._held: int | None = None
        self._resumed: float | None = None  # the time of the last mark that the run was taken up again
        self._open = False
        self._writer: Writer | None = None
        self._writes = (ranks().rank if rank is None else rank) == 0
        about = {"config": plain_mapping(config or {}, "config"), "roles": checked_roles(roles or {})}
        if not self._writes:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._held = lock_directory(self.directory)
            if self._address is not None:
                fetch_run(self.directory, self._address)
            if (mark := begun(self.directory, about, resume)) is not None:
                self._resumed = mark["time"]
                self._opened(layout.METRICS).append(json_line(mark))
            self._writer = Writer.this()
            self._writer.write(self.directory)
            self._send()
        except OSError as error:
            self.close()
            raise no_place(directory, error) from error
        except RecordError as error:
            self.close()
            if self._address is None:
                raise
            raise RecordError(str(error).replace(str(self.directory), self._address.shown)) from None
        except MissingExtra:
            self.close()
            raise
        self._open = True
        _LIVE.add(self)

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self._writes

    def log(self, step: int, metrics: Mapping[str, float] | None = None, /, **more: float) -> None:
        """Record the metrics of one step.

        Parameters
        ----------
        step
            The training step, from 0. A step may be logged in several calls; of one metric the last value counts.
        metrics, more
            Name and value. NaN and infinities are kept as such; None is left out; what is no number is left out,
            counted in `lost` and warned of once.
        """
        if not self._writes:
            return
        try:
            line = metrics_line(step, {**metrics, **more} if metrics else more, self._lose)
            self._append(layout.METRICS, line)
        except Exception as error:
            self._lose(f"the metrics of step {step!r}", error)

    def evaluation(
        self,
        step: int,
        *,
        problems: Sequence[str],
        passed: Sequence[float],
        samples: int | Sequence[int] = 1,
        benchmark: str = "held-out",
        **also: Any,
    ) -> Evaluation:
        """Record one held-out measurement, problem by problem.

        Parameters
        ----------
        step
            The training step whose policy was measured.
        problems
            Ids of the problems, each once.
        passed
            How many samples of each passed; fractions where the judge gives partial credit.
        samples
            How many samples were judged, for all or for each problem.
        benchmark
            Name of the set of problems.
        also
            What else is known: numbers, texts, small mappings such as ``errors={"syntax": 3}``.

        Returns
        -------
        Evaluation
            The measurement, on every rank. Where the arguments do not fit each other nothing is recorded, which is
            counted and warned of, and the rate is NaN.
        """
        try:
            measured = Evaluation.from_counts(step, problems, passed, samples, benchmark)
        except Exception as error:
            self._lose(f"the evaluation of step {step!r}", error)
            return Evaluation(step if isinstance(step, int) else 0, math.nan, benchmark=benchmark)
        self.evaluated(measured, **also)
        return measured

    def evaluated(self, measured: Evaluation, **also: Any) -> None:
        """Record a held-out measurement whose problems are known one by one; otherwise as `evaluation`."""
        if not self._writes:
            return
        try:
            if measured.outcomes is None:
                raise UsageError("its problems are not known one by one")
            self._refuse_closed()
            name, row = layout.evaluation_file(measured.benchmark), evaluation_columns(measured)
            row |= {} if self._resumed is None else {layout.SESSION: self._resumed}
            row |= also_known(also, measured.step, self._lose)
            with self._lock:
                try:
                    row["problems"] = kept_beside(self.directory / name, row["problems"])
                except Exception as error:
                    self._lose(f"the ids of problems beside {name}, for step {measured.step},", error)
                finally:  # the line holds them then
                    self._append(name, dump_line(row))
        except Exception as error:
            self._lose(f"the evaluation of step {measured.step!r}", error)

    def rollouts(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep sampled completions, one Parquet file a step; a file that is there for the step is replaced.

        Each row is a mapping, such as prompt, text, reward; columns of mixed types become text.
        """
        if not self._writes:
            return
        try:
            self._refuse_closed()
            import polars as pl

            path = self.directory / layout.rollout_file(checked_step(step))
            path.parent.mkdir(exist_ok=True)
            written = [{key: text_of(one) if type(one) is str else one for key, one in row.items()} for row in rows]
            frame = pl.DataFrame(written, strict=False, infer_schema_length=None)
            with replacing(path) as new:
                frame.write_parquet(new)
        except Exception as error:
            self._lose(f"the rollouts of step {step!r}", error)

    def checkpoint(self, step: int, path: str | os.PathLike[str]) -> None:
        """Record where the checkpoint of a step was saved; a path inside the run's directory is kept relative to it."""
        if not self._writes:
            return
        try:
            where, root = Path(path).absolute(), self.directory.absolute()
            inside = where.relative_to(root) if where.is_relative_to(root) else where
            row = {"step": checked_step(step), "time": time.time(), "path": inside.as_posix()}
            self._append(layout.CHECKPOINTS, json_line(row))
        except Exception as error:
            self._lose(f"the checkpoint of step {step!r}", error)

    def record_roles(self, roles: Mapping[str, str]) -> None:
        """Record which metric plays which part where that was not said at the start, such as by a guard's user."""
        if not self._writes:
            return
        try:
            self._refuse_closed()
            path = self.directory / layout.RUN
            known = layout.known_run(path)
            if known.get("roles") != roles:
                with replacing(path) as new:
                    new.write_bytes(orjson.dumps({**known, "roles": checked_roles(roles)}, option=layout.AS_TEXT))
        except Exception as error:
            self._lose("which metric plays which part", error)

    def rewound(self) -> None:
        """Mark that the training went back within this process: what it logs from now on supersedes what it repeats."""
        if not self._writes:
            return
        try:
            self._resumed = time.time()
            self._append(layout.METRICS, json_line({layout.RESUMED: True, "time": self._resumed}))
        except Exception as error:
            self._lose("that the training went back", error)

    def close(self, last_word: LastWord = "finished") -> None:
        """Close the files and let others write; what belongs elsewhere is sent there, for a minute at most.

        Parameters
        ----------
        last_word
            How the run ended, for whoever watches it; the first close says it.
        """
        with self._lock:
            if self._open and self._writer is not None:
                self._writer.end(self.directory, last_word)
            self._open = False
            for lines in self._lines.values():
                lines.close()
            self._lines.clear()
            uploader, self._uploader = self._uploader, None
            self._let_go()
        if uploader is not None and (left := uploader.close()):
            warnings.warn(left, RuntimeWarning, stacklevel=2)

    def reopen(self) -> None:
        """Go on after `close` as if nothing had been, for what comes late; a RecordError where another one writes."""
        with self._lock:
            if self._writes and not self._open:
                self._held = lock_directory(self.directory)
                self._writer = Writer.this()
                self._writer.write(self.directory)
                self._open = True
                self._send()
                _LIVE.add(self)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self.close("finished" if kind is None else "failed" if issubclass(kind, Exception) else "stopped")

    def __del__(self) -> None:
        if hasattr(self, "_open"):  # a recorder whose arguments were refused has nothing to close
            self.close("stopped")

    def _send(self) -> None:
        """Begin to send what is written to where it belongs, if that is elsewhere."""
        if self._address is not None:
            self._uploader = Uploader(self.directory, self._address)

    def _append(self, name: str, line: bytes) -> None:
        with self._lock:
            file = self._lines.get(name)
            if file is None:  # as after closing
                self._refuse_closed()
                file = self._opened(name)
            file.append(line)

    def _opened(self, name: str) -> LineFile:
        if name not in self._lines:
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            self._lines[name] = LineFile(path)
        return self._lines[name]

    def _refuse_closed(self) -> None:
        if not self._open:
            raise RecordError("the recorder is closed")

    def _lose(self, what: str, error: Exception | None = None) -> None:
        """Count a loss, and warn of the first one of its kind."""
        self.lost += 1
        kind = type(error).__name__
        if kind not in self._warned:
            self._warned.add(kind)
            reason = "" if error is None else f": {error}"
            text = f"{self.directory}: {what} could not be recorded{reason}; further losses are counted in .lost."
            warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _after_fork(self) -> None:
        """A child of this process must not hold the lock when its parent is dead."""
        self._lock = threading.RLock()
        self._let_go()


def _last_words() -> None:
    """Close what nobody closed, where the process ends by itself; after an error that nobody caught it has failed."""
    for recorder in list(_LIVE):
        recorder.close("failed" if getattr(sys, "last_value", None) is not None else "finished")


atexit.register(_last_words)


def _let_go_in_child() -> None:
    for recorder in list(_LIVE):
        recorder._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
