"""Recording a run: a directory of plain files that are only ever appended to.

Each record is one line, handed to the operating system with one call, so that a process that is killed has lost no call
that returned, and a second process can read along. `Recorder` refuses to start where something is wrong; once it has
started it never stops the training it observes: what it cannot write is counted in `lost`, and warned of once.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
import math
import operator
import os
import platform
import re
import subprocess
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from heldout import __version__
from heldout.errors import RecordError, UsageError
from heldout.metrics import BY_NAME, ROLES
from heldout.run import Evaluation, Outcomes

FORMAT = "heldout run"  # what run.json says it is
RUN, METRICS, EVALS, ROLLOUTS = "run.json", "metrics.jsonl", "evals", "rollouts"
CHECKPOINTS, FINDINGS = "checkpoints.jsonl", "findings.jsonl"
NONFINITE = "nonfinite"  # names the values that JSON cannot hold: {"loss": "nan"}
RESUMED = "resumed"  # marks where a run was taken up again

_LOCK = "run.lock"
_ROW = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
_OWN = ("step", "time", NONFINITE, RESUMED)  # keys of a line that are no metrics
_OF_EVALUATION = (*_OWN, "benchmark", "problems", "passed", "samples")
_PACKAGES = ("numpy", "torch", "transformers", "trl", "accelerate", "datasets", "vllm", "verl", "deepspeed", "ray")
_LIVE: weakref.WeakSet[Recorder] = weakref.WeakSet()


class Recorder:
    """Writes one run into a directory.

    Parameters
    ----------
    directory
        Where; it is made if it is not there, and may hold other files (checkpoints, the trainer's own logs).
    config
        Settings of the run, kept in ``run.json``: plain data, paths, enumerations, dataclasses, arrays.
    roles
        Which metric plays which part, ``{"reward": "critic/score/mean"}``; found by name where it is not said.
    resume
        Go on with the run that the directory holds, if it holds one.
    rank
        Number of this process among those that train together; the environment's ``RANK``, else 0. All but rank 0 do
        nothing at all.

    Attributes
    ----------
    directory
        Where the run is written.
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
        self.directory = Path(directory)
        self.lost = 0
        self._warned: set[str] = set()
        self._lines: dict[str, _Lines] = {}
        self._lock = threading.RLock()  # a signal handler may log while its own thread is logging
        self._held: int | None = None
        self._open = False
        self._writes = (process_rank() if rank is None else rank) == 0
        about = {"config": _plain_mapping(config or {}, "config"), "roles": checked_roles(roles or {})}
        if not self._writes:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._held = _locked(self.directory)
            self._start(about, resume)
        except OSError as error:
            self.close()
            raise RecordError(f"{directory}: no run can be recorded here ({error.strerror or error}).") from error
        except RecordError:
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
            line = self._line(step, {**metrics, **more} if metrics else more)
            self._append(METRICS, line)
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
            measured = measured_at(step, problems, passed, samples, benchmark)
        except Exception as error:
            self._lose(f"the evaluation of step {step!r}", error)
            return Evaluation(0 if not isinstance(step, int) else step, math.nan, None, benchmark)
        if self._writes:
            try:
                self._append(f"{EVALS}/{_file_name(benchmark)}.jsonl", self._evaluation_line(measured, also))
            except Exception as error:
                self._lose(f"the evaluation of step {step!r}", error)
        return measured

    def rollouts(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep sampled completions, one Parquet file a step; a file that is there for the step is replaced.

        Parameters
        ----------
        step
            The training step.
        rows
            One mapping a sample, such as prompt, text, reward. Columns of mixed types become text.
        """
        if not self._writes:
            return
        try:
            self._refuse_closed()
            import polars as pl

            path = self.directory / ROLLOUTS / f"step-{_step(step):08d}.parquet"
            path.parent.mkdir(exist_ok=True)
            frame = pl.DataFrame([dict(row) for row in rows], strict=False, infer_schema_length=None)
            _replace(path, frame.write_parquet)
        except Exception as error:
            self._lose(f"the rollouts of step {step!r}", error)

    def checkpoint(self, step: int, path: str | os.PathLike[str]) -> None:
        """Record where the checkpoint of a step was saved.

        Parameters
        ----------
        step
            The training step.
        path
            The folder or file; kept relative to the run's directory where it lies inside.
        """
        if not self._writes:
            return
        try:
            where, root = Path(path).absolute(), self.directory.absolute()
            inside = where.relative_to(root) if where.is_relative_to(root) else where
            row = {"step": _step(step), "time": time.time(), "path": inside.as_posix()}
            self._append(CHECKPOINTS, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        except Exception as error:
            self._lose(f"the checkpoint of step {step!r}", error)

    def finding(self, row: Mapping[str, Any]) -> None:
        """Record what the guard found, or did about it.

        Parameters
        ----------
        row
            Plain data; numbers that JSON cannot hold become null.
        """
        if not self._writes:
            return
        try:
            self._append(FINDINGS, orjson.dumps(dict(row), option=_ROW))
        except Exception as error:
            self._lose("a finding", error)

    def rewound(self) -> None:
        """Mark that the training went back within this process: what it logs from now on supersedes what it repeats."""
        if not self._writes:
            return
        try:
            marker = {RESUMED: True, "time": time.time()}
            self._append(METRICS, orjson.dumps(marker, option=orjson.OPT_APPEND_NEWLINE))
        except Exception as error:
            self._lose("that the training went back", error)

    def close(self) -> None:
        """Close the files and let others write; nothing is pending that would have to be flushed."""
        with self._lock:
            self._open = False
            for lines in self._lines.values():
                lines.close()
            self._lines.clear()
            self._let_go()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_open"):  # a recorder whose arguments were refused has nothing to close
            self.close()

    def _start(self, about: Mapping[str, Any], resume: bool) -> None:
        path = self.directory / RUN
        if not path.exists():
            if (self.directory / METRICS).exists():
                raise RecordError(
                    f"{self.directory}: the {METRICS} in it was not written by heldout; give an empty directory."
                )
            _replace(path, lambda new: new.write_bytes(_indented({**_head(), **about, **_seeds(about["config"])})))
            return
        known = _known_run(path)
        if not resume:
            raise RecordError(
                f"{self.directory}: a run is recorded here already (since {known.get('created', '?')}); give another "
                "directory, or resume=True to go on with it."
            )
        changed = {key: value for key, value in about.items() if value and value != known.get(key)}
        marker = {RESUMED: True, "time": time.time(), **changed}
        self._opened(METRICS).write(orjson.dumps(marker, option=orjson.OPT_APPEND_NEWLINE))

    def _line(self, step: int, metrics: Mapping[str, Any]) -> bytes:
        """Put a step into a line: at once where all are plain finite numbers, one by one where not."""
        step = _step(step)
        try:
            # No sum of numbers is finite with a NaN or an infinity among them.
            total = sum(metrics.values())
            if metrics and type(total) in (float, int) and math.isfinite(total) and metrics.keys().isdisjoint(_OWN):
                # Joining two texts is quicker than joining two dictionaries.
                head = orjson.dumps({"step": step, "time": time.time()})
                return head[:-1] + b"," + orjson.dumps(metrics, option=orjson.OPT_APPEND_NEWLINE)[1:]
        except (TypeError, ValueError, OverflowError, RuntimeError):
            pass
        return self._sorted_out(step, metrics)

    def _sorted_out(self, step: int, metrics: Mapping[str, Any]) -> bytes:
        row: dict[str, Any] = {"step": step, "time": time.time()}
        for key, value in metrics.items():
            number = number_of(value)
            if key in _OWN and number != row.get(key):
                self._lose(f"the metric {key!r} (a name that the record uses itself)")
            elif number is not None:
                row[_text(key)] = number
            elif value is not None:
                self._lose(f"the metric {key!r} at step {step} ({type(value).__name__} is no number)")
        return _dumped(row)

    def _evaluation_line(self, measured: Evaluation, also: Mapping[str, Any]) -> bytes:
        assert measured.outcomes is not None
        outcomes = measured.outcomes
        samples = outcomes.samples.tolist()
        row: dict[str, Any] = {
            "step": measured.step,
            "time": time.time(),
            "benchmark": _text(measured.benchmark),
            "problems": [_text(problem) for problem in outcomes.problems],
            "passed": [int(count) if count.is_integer() else count for count in outcomes.passed.tolist()],
            "samples": samples[0] if len(set(samples)) == 1 else samples,
        }
        for key, value in also.items():
            try:
                if key in _OF_EVALUATION:
                    raise UsageError("a name that the record uses itself")
                row[_text(key)] = float(value) if isinstance(value, float) else _plain(value, key)
            except (UsageError, RecursionError) as error:
                self._lose(f"{key!r} of the evaluation of step {measured.step} ({error})")
        return _dumped(row)

    def _append(self, name: str, line: bytes) -> None:
        with self._lock:
            file = self._lines.get(name)
            if file is None:  # as after closing
                self._refuse_closed()
                file = self._opened(name)
            file.write(line)

    def _opened(self, name: str) -> _Lines:
        if name not in self._lines:
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            self._lines[name] = _Lines(path)
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


class _Lines:
    """A file to which whole lines are appended, each with one call of the operating system."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def write(self, line: bytes) -> None:
        """Append a line; one that was cut before it stays alone on its own."""
        data = b"\n" + line if self._torn else line
        self._torn = True
        if os.write(self._file, data) < len(data):
            raise OSError("the disk took only a part of it")
        self._torn = False

    def close(self) -> None:
        os.close(self._file)


def _let_go_in_child() -> None:
    for recorder in list(_LIVE):
        recorder._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def _locked(directory: Path) -> int | None:
    """Take the directory for this process, until it ends or lets go; None where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    file = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        raise RecordError(
            f"{directory}: process {owner or '?'} is writing this run; stop it first, or give another directory."
        ) from None
    except OSError as error:  # some network file systems
        os.close(file)
        text = f"{directory}: cannot be locked ({error.strerror}); make sure that nobody else writes to it."
        warnings.warn(text, RuntimeWarning, stacklevel=4)
        return None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


def measured_at(
    step: int, problems: Sequence[str], passed: Sequence[float], samples: int | Sequence[int], benchmark: str
) -> Evaluation:
    """Return the evaluation that these outcomes make; arguments as for `Recorder.evaluation`.

    Raises
    ------
    UsageError
        When they do not fit each other.
    """
    return Evaluation.of(_step(step), _outcomes(problems, passed, samples), benchmark)


def process_rank() -> int:
    """Return the number of this process among those that train together: the environment's ``RANK``, else 0."""
    text = os.environ.get("RANK", "0")
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"The environment's RANK is {text!r}; it must be a number, or give rank=….") from None


def checked_roles(roles: Mapping[str, str]) -> dict[str, str]:
    """Return roles as they are, or refuse those that do not exist."""
    for role, key in roles.items():
        if role not in BY_NAME:
            near = difflib.get_close_matches(str(role), BY_NAME, n=3) or ROLES
            raise UsageError(f"roles has {role!r}, which is no role; near ones are {', '.join(near)}.")
        if not isinstance(key, str):
            raise UsageError(f"roles[{role!r}] is {key!r}; it must be the name of a metric.")
    return dict(roles)


def _known_run(path: Path) -> dict[str, Any]:
    try:
        run = orjson.loads(path.read_bytes())
    except ValueError:
        run = None
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise RecordError(f"{path}: was not written by heldout, so no run can be recorded beside it.")
    return run


def _head() -> dict[str, Any]:
    """What is known of a run before it begins."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    created = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"format": FORMAT, "heldout": __version__, "created": created, "versions": versions}
    commit = _git_commit()
    return {**head, "git": commit} if commit else head


def _git_commit() -> str | None:
    """The commit that the working directory is at, if it is in a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _seeds(config: Mapping[str, Any]) -> dict[str, Any]:
    seeds = {key: value for key, value in config.items() if re.search(r"(?:^|_)seed", key)}
    return {"seeds": seeds} if seeds else {}


def _outcomes(problems: Sequence[str], passed: Sequence[float], samples: int | Sequence[int]) -> Outcomes:
    ids = tuple(str(problem) for problem in problems)
    count = np.asarray(passed, dtype=np.float64)
    judged = np.broadcast_to(np.asarray(samples), (len(ids),)).astype(np.int64, casting="safe")
    if not ids or count.shape != (len(ids),):
        raise UsageError(f"{len(ids)} problems and {count.size} counts of passed samples do not make an evaluation")
    if len(set(ids)) < len(ids):
        raise UsageError(f"of {len(ids)} problem ids only {len(set(ids))} differ; each problem must be there once")
    if not (np.all(judged >= 1) and np.all(count >= 0) and np.all(count <= judged)):
        raise UsageError("each count of passed samples must lie between 0 and its number of samples, at least 1")
    return Outcomes(ids, count, judged)


def _step(step: Any) -> int:
    number = operator.index(step)
    if not 0 <= number < 2**62:
        raise UsageError(f"a step is {number}, but steps count from 0")
    return number


def number_of(value: Any) -> float | None:
    """A value as a number, of whichever library it is; None where it is none."""
    if isinstance(value, float):
        return float(value)
    if value is None or isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        one = value.item() if hasattr(value, "item") else value  # arrays and tensors with one element
        return one if type(one) is int and abs(one) < 2**63 else float(one)
    except Exception:
        return None


def _text(key: Any) -> str:
    """A key as text that can be written as UTF-8."""
    return key if type(key) is str and key.isascii() else str(key).encode("utf-8", "replace").decode()


def _dumped(row: dict[str, Any]) -> bytes:
    """A line, with the values that JSON cannot hold named beside it."""
    named = {key: _name_of(one) for key, one in row.items() if isinstance(one, float) and not math.isfinite(one)}
    if named:
        row = {**row, NONFINITE: named}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _name_of(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _plain_mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is a {type(value).__name__}; it must be a mapping from names to values.")
    return {_text(key): _plain(one, f"{where}[{key!r}]") for key, one in value.items()}


def _plain(value: Any, where: str) -> Any:
    """A setting as JSON holds it; numbers that it cannot hold become their names."""
    match value:
        case Enum():
            return _plain(value.value, where)
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) < 2**63 else str(value)
        case float():
            return float(value) if math.isfinite(value) else _name_of(value)
        case str() | os.PathLike():
            return _text(value)
        case Mapping():
            return _plain_mapping(value, where)
        case list() | tuple() | set() | frozenset():
            return [_plain(one, f"{where}[{index}]") for index, one in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_mapping({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, where)
    if hasattr(value, "tolist"):  # arrays and tensors
        return _plain(value.tolist(), where)
    raise UsageError(f"{where} is a {type(value).__name__}, which cannot be written; give plain data or its name.")


def _file_name(benchmark: str) -> str:
    return re.sub(r"[^\w@+-]+", "_", benchmark)[:100] or "_"


def _indented(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    try:
        write(new)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
