"""Small logs to put into folders, in the formats that trainers and trackers write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from test_tensorboard import event, scalar
from test_tensorboard import file_of as event_file

Rows = Iterable[Mapping[str, Any]]


def put(path: Path, content: str | bytes) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(rows: Rows) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(rows: Rows) -> str:
    """CSV, with blanks where a row lacks a key."""
    rows = list(rows)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return "\n".join([",".join(keys), *(",".join(str(row.get(key, "")) for key in keys) for row in rows), ""])


def console(rows: Rows, total: int) -> str:
    """What TRL prints: a dict, and the progress bar behind it."""
    text = ""
    for row in rows:
        shown = {"loss": 0.1, "grad_norm": 0.3, "epoch": row["step"] / 100} | {
            key: value for key, value in row.items() if key != "step"
        }
        text += f"{shown}\n {100 * row['step'] // total:3d}%|█| {row['step']}/{total} [00:10<00:10,  1.00it/s]\n"
    return text


def export(columns: Mapping[str, Mapping[int, float]], axis: str = "Step") -> str:
    """A chart of W&B: columns "run - metric", each with its spread."""
    names = [f"{name}{end}" for name in columns for end in ("", "__MIN", "__MAX")]
    steps = sorted({step for values in columns.values() for step in values})
    rows = [[str(step), *(str(one.get(step, "")) for one in columns.values() for _ in range(3))] for step in steps]
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [[axis, *names], *rows]) + "\n"


def events(values: Mapping[str, Mapping[int, float]], begun: float = 1000.0) -> bytes:
    """A TensorBoard event file with a step a second."""
    steps = sorted({step for one in values.values() for step in one})
    return event_file(
        *(
            event(step, *(scalar(tag, one[step]) for tag, one in values.items() if step in one), wall=begun + step)
            for step in steps
        )
    )


def training(last: int = 60) -> list[dict[str, Any]]:
    """A reward at every step."""
    return [{"step": step, "reward": round(0.2 + step / 1000, 4), "kl": 0.01} for step in range(1, last + 1)]


def scores(last: int = 60, key: str = "pass_rate", every: int = 10) -> list[dict[str, Any]]:
    """A held-out score at every tenth step."""
    return [{"step": step, key: round(0.3 + step / 1000, 4)} for step in range(every, last + 1, every)]
