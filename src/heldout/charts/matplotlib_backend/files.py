"""From a figure of matplotlib to a file: no date, a name, and a description for a screen reader."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from heldout.charts.matplotlib_backend.pgf import as_pgf
from heldout.charts.matplotlib_backend.svg import finished
from heldout.charts.spec import Kind
from heldout.text import visible


def encode(figure: Figure, name: str, caption: str, kind: Kind, dpi: float) -> bytes:
    """Write a figure in one format, without a date; name and caption are what a screen reader gets."""
    file = io.BytesIO()
    name, caption = visible(name), visible(caption)
    look: dict[str, Any] = {"facecolor": figure.get_facecolor(), "edgecolor": "none"}
    if kind == "svg":
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")), **look)
        return finished(file.getvalue().decode(), name, caption).encode()
    if kind == "pgf":
        return as_pgf(figure, name, caption).encode()
    if kind == "pdf":
        about = {"Title": name, "Subject": caption, "Creator": "heldout", "CreationDate": None}
    else:
        about = {"Title": name, "Description": caption, "Software": "heldout"}
    about = {key: text for key, text in about.items() if text != ""}
    if kind == "png":
        look["pil_kwargs"] = {"compress_level": 4}  # three times as quick as the default, for a few bytes more
    figure.savefig(file, format=kind, dpi=dpi, metadata=about, **look)
    return file.getvalue()
