"""Problems × evaluations as a picture of one pixel a cell, and as data for the page's script.

The picture is there without a script, prints, and stays small: 1 000 problems in 50 evaluations are a few kilobytes.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.diagnosis.problems import GAINED, KEPT, LOST, NEVER, Problems
from heldout.stats.arrays import FloatArray
from heldout.text import counted, excerpt

_ROWS, _COLUMNS = 1_000, 100  # cells that are drawn; of more, as many that are evenly spread
_HEIGHT, _LEAST, _MOST = 360, 14, 10  # pixels of all rows together, of one group, of one row
_NAME = 60  # characters of a problem's id
_SOLVED, _NOT_ASKED = (0x2F, 0x7F, 0xC4), (0x8A, 0x8A, 0x8A)  # readable on a light ground and on a dark one
_TENTHS = "0123456789a"  # one character a cell: the tenths of its samples that passed
_MISSING = "-"
_GREY = len(_TENTHS)  # place of `_NOT_ASKED` in the palette
_TITLES = {LOST: "Lost since step {}", NEVER: "Never solved", GAINED: "Gained since step {}", KEPT: "All others"}


@dataclass(frozen=True, slots=True)
class Strip:
    """The problems of one fate."""

    title: str  # with how many they are
    picture: str  # a PNG as a data URI, one pixel a cell
    rows: int
    height: int  # pixels in which it is shown
    data: dict[str, list[str]]  # ids, and a text of one character an evaluation each


@dataclass(frozen=True, slots=True)
class ProblemMap:
    """What a page shows of `Problems`."""

    told: tuple[str, ...]
    steps: list[int]
    since: int
    column: float  # in which the step `since` stands, from its left edge
    strips: tuple[Strip, ...]
    note: str  # what is not drawn


def problem_map(found: Problems) -> ProblemMap:
    """Return what a page shows of these problems."""
    every = np.arange(len(found.steps))
    columns = every if len(every) <= _COLUMNS else np.linspace(0, len(every) - 1, _COLUMNS).round().astype(int)
    steps = found.steps[columns].tolist()
    return ProblemMap(
        told=found.told,
        steps=steps,
        since=found.since,
        column=float(np.searchsorted(steps, found.since)),
        strips=tuple(_strips(found, columns)),
        note=_left_out(len(found.names), len(every)),
    )


def _strips(found: Problems, columns: npt.NDArray[np.int64]) -> Iterator[Strip]:
    part = min(1.0, _ROWS / len(found.names))
    for fate, title in _TITLES.items():
        rows = np.flatnonzero([one == fate for one in found.fate])
        if not rows.size:
            continue
        shown = rows[np.linspace(0, rows.size - 1, max(1, round(part * rows.size))).round().astype(int)]
        share = found.share[np.ix_(shown, columns)]
        height = round(min(max(_HEIGHT * rows.size / len(found.names), _LEAST), _MOST * rows.size))
        data = {"names": [excerpt(found.names[row], _NAME) for row in shown], "cells": list(_texts(share))}
        named = f"{title.format(found.since)}: {counted(rows.size, 'problem')}"
        yield Strip(named, as_uri(_png(_levels(share))), len(shown), max(height, _LEAST), data)


def _left_out(problems: int, evaluations: int) -> str:
    """Say what is not drawn."""
    parts = [f"{_ROWS} of {counted(problems, 'problem')}"] if problems > _ROWS else []
    parts += [f"{_COLUMNS} of {counted(evaluations, 'evaluation')}"] if evaluations > _COLUMNS else []
    return f"Drawn are {' and '.join(parts)}, evenly spread." if parts else ""


def _levels(share: FloatArray) -> npt.NDArray[np.uint8]:
    """Return the place of each cell in the palette."""
    tenths = np.where(np.isnan(share), _GREY, np.rint(10.0 * np.nan_to_num(share)))
    return tenths.astype(np.uint8)


def _texts(share: FloatArray) -> Iterator[str]:
    signs = np.array([*_TENTHS, _MISSING])
    return ("".join(row) for row in signs[_levels(share)].tolist())


def as_uri(png: bytes) -> str:
    """Return a picture as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(levels: npt.NDArray[np.uint8]) -> bytes:
    """Write places in the palette, shape (n, K), as a PNG: what was solved is the more opaque the oftener.

    Source: W3C, "Portable Network Graphics (PNG) Specification (Second Edition)", sections 5 and 11.
    """
    height, width = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = bytes(_SOLVED) * len(_TENTHS) + bytes(_NOT_ASKED)
    opacity = bytes(round(255 * tenth / 10) for tenth in range(len(_TENTHS))) + bytes([90])
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), levels], axis=1)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"tRNS", opacity), (b"IDAT", zlib.compress(lines.tobytes(), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
