"""The registry: every format that can be read, which reader knows it, and which of several logs of one run is read.

To add a format, write a file with one function ``read(source)``, which returns None where the content is not its own,
and add one line to `FORMATS`; the logs that the function returns carry the line's `id`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from heldout.errors import NoMetrics, NoRun, NotUnderstood, ReadError
from heldout.readers.consoles.blocks import read as read_blocks_console
from heldout.readers.consoles.deepspeed_chat import read as read_deepspeed_chat
from heldout.readers.consoles.pairs import read as read_pairs_console
from heldout.readers.consoles.slime import read as read_slime_console
from heldout.readers.consoles.trl import read as read_trl_console
from heldout.readers.consoles.verl import read as read_verl_console
from heldout.readers.documents import html_table, notebook
from heldout.readers.documents.csv_parquet import read as read_csv_parquet
from heldout.readers.documents.json_document import read as read_json_document
from heldout.readers.documents.json_document import read_trainer_state
from heldout.readers.documents.json_lines import read as read_json_lines
from heldout.readers.documents.long_table import read as read_long_json
from heldout.readers.documents.markdown_table import read as read_markdown_table
from heldout.readers.documents.stable_baselines import read as read_stable_baselines
from heldout.readers.judged_samples import read as read_judged_samples
from heldout.readers.log import Log
from heldout.readers.run_directory import read as read_recorded
from heldout.readers.run_directory import read_evaluations
from heldout.readers.source import HEAD, Files, Source
from heldout.readers.trackers.clearml import read as read_clearml
from heldout.readers.trackers.mlflow import is_run as is_mlflow_run
from heldout.readers.trackers.mlflow import read_metric as read_mlflow_metric
from heldout.readers.trackers.mlflow import read_run as read_mlflow_run
from heldout.readers.trackers.rlprobe import is_run as is_rlprobe_run
from heldout.readers.trackers.rlprobe import read_run as read_rlprobe_run
from heldout.readers.trackers.sqlite_stores import read as read_sqlite
from heldout.readers.trackers.swanlab import is_run as is_swanlab_run
from heldout.readers.trackers.swanlab import read as read_swanlab
from heldout.readers.trackers.swanlab import read_run as read_swanlab_run
from heldout.readers.trackers.tensorboard import read as read_tensorboard
from heldout.readers.trackers.tensorboard_download import read as read_tensorboard_download
from heldout.readers.trackers.wandb_offline import read as read_wandb_offline
from heldout.run import Note, NoteKind
from heldout.store.layout import is_run as is_recorded

Reader = Callable[[Source], list[Log] | None]
FolderReader = Callable[[Path, Files], Log]


class Kind(StrEnum):
    """What sort of log a format is."""

    HISTORY = "history"  # what a trainer or tracker wrote for programs
    OUTCOMES = "outcomes"  # held-out measurements alone; they are added to the run that they belong to
    TABLE = "table"  # rows that anybody may have exported
    CONSOLE = "console"  # what was printed for people; its readers look at all of the text, the others at its beginning


@dataclass(frozen=True, slots=True)
class Format:
    """One format that can be read."""

    id: str  # what `Log.format` says
    title: str  # for people
    kind: Kind
    rank: int  # of several logs of one run in one folder, the one with the lowest rank is read
    read: Reader | None = None  # several formats may share one; None for a directory
    pieces: bool = False  # whether several such files in one folder are the pieces of one run, not runs of their own


def _notebook(source: Source) -> list[Log] | None:
    return notebook.read(source, _logs)


def _html_table(source: Source) -> list[Log] | None:
    return html_table.read(source, _logs)


# In the order in which readers are asked, the most particular first. Ranks put first what loses least: a trainer's own
# history, then rows with all digits and settings, then a tracker's scalars, then tables, of which the exported ones
# often hold only a part. What was printed comes last, with three digits. Equal ranks are never the same run.
FORMATS = (
    Format("run-directory", "heldout run directory", Kind.HISTORY, 0),
    Format("evaluations", "heldout evaluations", Kind.OUTCOMES, 0, read_evaluations),
    Format("verl-samples", "samples dumped by verl", Kind.OUTCOMES, 0, read_judged_samples),
    Format("skyrl-evals", "evaluations dumped by SkyRL", Kind.OUTCOMES, 0, read_judged_samples),
    Format("verifiers-results", "verifiers results", Kind.OUTCOMES, 0, read_judged_samples),
    Format("prime-rl-traces", "prime-rl traces", Kind.OUTCOMES, 0, read_judged_samples),
    Format("trainer-state", "Hugging Face trainer_state.json", Kind.HISTORY, 1, read_trainer_state),
    Format("wandb", "W&B offline file", Kind.HISTORY, 4, read_wandb_offline),
    Format("tensorboard", "TensorBoard event file", Kind.HISTORY, 5, read_tensorboard, pieces=True),
    Format("mlflow", "MLflow run folder", Kind.HISTORY, 6, read_mlflow_metric),
    Format("mlflow-sqlite", "MLflow SQLite store", Kind.HISTORY, 6, read_sqlite),
    Format("trackio", "trackio project", Kind.HISTORY, 6, read_sqlite),
    Format("swanlab", "SwanLab run", Kind.HISTORY, 6, read_swanlab),
    Format("rlprobe", "rlprobe recording", Kind.HISTORY, 6),
    Format("tensorboard-download", "TensorBoard CSV / JSON download", Kind.TABLE, 9, read_tensorboard_download),
    Format("clearml", "ClearML scalars", Kind.TABLE, 9, read_clearml),
    Format("long-table", "table of single values", Kind.TABLE, 7, read_long_json),
    Format("notebook", "Jupyter notebook", Kind.TABLE, 12, _notebook),
    Format("html-table", "HTML table", Kind.TABLE, 12, _html_table),
    Format("sb3-monitor", "Stable-Baselines3 monitor.csv", Kind.TABLE, 11, read_stable_baselines),
    Format("sb3-evaluations", "Stable-Baselines3 evaluations.npz", Kind.TABLE, 10, read_stable_baselines),
    Format("verl-file", "verl file log", Kind.HISTORY, 2, read_json_lines),
    Format("rllib-result", "RLlib result.json", Kind.HISTORY, 2, read_json_lines),
    Format("tinker", "tinker metrics.jsonl", Kind.HISTORY, 2, read_json_lines),
    Format("prime-rl", "prime-rl metrics.jsonl", Kind.HISTORY, 2, read_json_lines),
    Format("json-lines", "JSON lines", Kind.HISTORY, 3, read_json_lines),
    Format("json", "JSON document", Kind.TABLE, 12, read_json_document),
    Format("step-files", "a JSON file per step", Kind.TABLE, 12),
    Format("markdown-table", "Markdown table", Kind.TABLE, 12, read_markdown_table),
    Format("parquet", "Parquet table", Kind.TABLE, 7, read_csv_parquet),
    Format("rllib-progress", "RLlib progress.csv", Kind.TABLE, 8, read_csv_parquet),
    Format("sb3-progress", "Stable-Baselines3 progress.csv", Kind.TABLE, 8, read_csv_parquet),
    Format("wandb-csv", "W&B CSV export", Kind.TABLE, 9, read_csv_parquet),
    Format("swanlab-csv", "SwanLab CSV export", Kind.TABLE, 9, read_csv_parquet),
    Format("csv", "CSV table", Kind.TABLE, 7, read_csv_parquet),
    Format("tsv", "TSV table", Kind.TABLE, 7, read_csv_parquet),
    Format("verl-console", "verl console", Kind.CONSOLE, 13, read_verl_console),
    Format("slime-console", "slime console", Kind.CONSOLE, 13, read_slime_console),
    Format("trl-console", "TRL / transformers console", Kind.CONSOLE, 13, read_trl_console),
    Format("deepspeed-chat-console", "DeepSpeed-Chat console", Kind.CONSOLE, 13, read_deepspeed_chat),
    Format("pandas-console", "pandas Series console", Kind.CONSOLE, 13, read_blocks_console),
    Format("sb3-console", "Stable-Baselines3 console", Kind.CONSOLE, 13, read_blocks_console),
    Format("pairs-console", "lines of name=value", Kind.CONSOLE, 14, read_pairs_console),
)
# Folders that are one log, however many files they hold: how each is known, and who reads it.
FOLDERS: tuple[tuple[Callable[[Path], bool], FolderReader], ...] = (
    (is_recorded, read_recorded),
    (is_mlflow_run, read_mlflow_run),
    (is_swanlab_run, read_swanlab_run),
    (is_rlprobe_run, read_rlprobe_run),
)
UNDERSTOOD = ", ".join(format.title for format in FORMATS)

_BY_ID = {format.id: format for format in FORMATS}
_READERS = tuple(dict.fromkeys(format.read for format in FORMATS if format.read))
_BY_BEGINNING = len({format.read for format in FORMATS if format.read and format.kind is not Kind.CONSOLE})


def format_of(log: Log) -> Format:
    """Return the format of a log."""
    return _BY_ID[log.format]


def folder_reader(folder: Path) -> FolderReader | None:
    """Return who reads a folder as one log, if it is one."""
    return next((read for knows, read in FOLDERS if knows(folder)), None)


def read_file(path: Path, files: Files, older: tuple[Path, ...] = ()) -> list[Log]:
    """Return the logs in a file, with those of older parts that were split off from it: each reader is asked in turn.

    Raises `ReadError` where it cannot be opened, `NotUnderstood` where no reader knows it, `NoMetrics` where one does,
    and it holds none.
    """
    try:
        return files.logs(path, _logs, older)
    except NoMetrics as error:
        raise error if path.name in str(error) else type(error)(f"{path}: {error}") from None
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _logs(source: Source) -> list[Log]:
    """Ask one reader after the other; who recognised a beginning and found nothing to read does not end the search.

    Who knows what it is, and that it is no run, does.
    """
    if not source.head:
        raise NotUnderstood(f"{source.path}: the file is empty (0 bytes); nothing was written to it yet.")
    came_near: list[str] = []
    too_deep = False
    declined = source.declined
    for read in _READERS[source.declined :]:
        try:
            logs = read(source)
        except NoRun as error:
            raise NoRun(" ".join(dict.fromkeys([*came_near, str(error)]))) from None
        except NoMetrics as error:
            came_near.append(str(error))
            continue
        except RecursionError:
            too_deep = True
            continue
        if logs:
            if len(source.head) == HEAD:  # a beginning that is whole: who knows files by it need not look again
                source.declined = min(declined, _BY_BEGINNING)
            return [_with_notes(log, source) for log in logs]
        declined += not (came_near or too_deep)  # a reader that came near may find something once there is more
    if came_near:
        raise NoMetrics(" ".join(dict.fromkeys(came_near)))
    if too_deep:
        raise NotUnderstood(f"{source.path}: nested deeper than any log; not understood.")
    raise NotUnderstood(
        f"{source.path}: {_seen(source)}; heldout reads {UNDERSTOOD}. Write it as CSV or JSON lines with a 'step'."
    )


def _with_notes(log: Log, source: Source) -> Log:
    """Say that a packed file is cut, or that a console log stops within a line, where its reader did not have to."""
    if source.notes:
        return replace(log, notes=(*log.notes, *source.notes))
    if source.growing or format_of(log).kind is not Kind.CONSOLE or not source.ends_open:
        return log
    if any(note.kind is NoteKind.DROPPED for note in log.notes):
        return log
    text = "The last line has no line end; if the log was cut there, its last entry is missing."
    return replace(log, notes=(*log.notes, Note(NoteKind.ASSUMED, text)))


def _seen(source: Source) -> str:
    if not source.is_text:
        return f"binary content that no reader knows (it starts with {source.head[:8]!r})"
    first = next((line for line in source.text[:4000].split("\n") if line.strip()), "")
    return f"text without metrics that a reader knows (it starts with {first.strip()[:50]!r})"
